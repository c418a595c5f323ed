"""Batches of images: which tensors they are, and the ranges of their pixels."""

from typing import Any

import tensorflow as tf


def as_type(images: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Returns float images in a type; whole numbers are rounded."""
    if dtype.is_integer:
        limits = tf.cast(dtype.min, tf.float32), tf.cast(dtype.max, tf.float32)
        images = tf.clip_by_value(tf.round(images), *limits)
    return tf.cast(images, dtype)


def is_image(batch: Any) -> bool:
    """Returns whether a batch, a tensor or an array, can be augmented."""
    return len(batch.shape) == 4


def unit(images: tf.Tensor) -> tf.Tensor:
    """Converts bytes 0 … 255 to float32 in [−1, 1], the range that GANs use."""
    return tf.cast(images, tf.float32) / 127.5 - 1


def to_bytes(images: tf.Tensor) -> tf.Tensor:
    """Converts images in [−1, 1] to the nearest bytes 0 … 255."""
    levels = tf.round((tf.cast(images, tf.float32) + 1) * 127.5)
    return tf.cast(tf.clip_by_value(levels, 0, 255), tf.uint8)
