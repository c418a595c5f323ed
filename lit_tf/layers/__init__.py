"""Layers that Keras does not have, or computes more slowly."""

from lit_tf.layers.batch_norm import BatchNormalization, weighed
from lit_tf.layers.fast_layers import FastLayers
from lit_tf.layers.global_settings import pinned
from lit_tf.layers.grouped_conv import GroupedConv2D
from lit_tf.layers.image_augmentation import ImageLayers
from lit_tf.layers.keras_forms import (
    has_keras_form,
    is_keras_form,
    keras_form,
)
from lit_tf.layers.model_io import Attributes, Characters, Float32, Normalize
from lit_tf.layers.shapes import KMaxPool, PadShortcut

__all__ = [
    "Attributes",
    "BatchNormalization",
    "Characters",
    "FastLayers",
    "Float32",
    "GroupedConv2D",
    "ImageLayers",
    "KMaxPool",
    "Normalize",
    "PadShortcut",
    "has_keras_form",
    "is_keras_form",
    "keras_form",
    "pinned",
    "weighed",
]
