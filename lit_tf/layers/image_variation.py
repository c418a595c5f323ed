"""`ImageLayers`: variation of images by preprocessing layers of Keras."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

_LARGEST = 255.0
_RANGE = (0.0, _LARGEST)
_KEY = 10  # Number of the draw.
# Layers that mix the channels of colour images.
_OF_COLOURS = (keras.layers.RandomColorDegeneration,)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageLayers:
    """Applies layers of Keras to images, as a function of a random draw.

    Keras draws for a whole batch, from a state. Here each image is transformed
    alone, from a seed of its own, so that it varies alike in every batch. An
    image takes about half a millisecond for each operation of RandAugment.

    Args:
        channels: number of channels, 1 or 3.
        white: the largest value of a pixel; 0 is the smallest.
        color_jitter: the largest relative change, in [0, 1], of brightness,
            contrast and, of 3 channels, saturation; 0 for none.
        rand_augment: `factor` of `keras.layers.RandAugment`, in [0, 1]; 0 for
            none.
        operations: number of operations of RandAugment for each image.
    """

    channels: int
    white: float
    color_jitter: float = 0.0
    rand_augment: float = 0.0
    operations: int = 2

    def __call__(self, inputs: Any, draw: Callable[[int], tf.Tensor]) -> Any:
        """Varies a batch.

        Args:
            inputs: images, `[batch, height, width, channels]`, or nested
                inputs, some of them images.
            draw: a function that returns `[batch]` random integers for each
                number.

        Returns:
            Inputs of the same shape and type; whole numbers are rounded.
        """
        keys = draw(_KEY)
        return tf.nest.map_structure(
            lambda x: self._varied(x, keys) if len(x.shape) == 4 else x, inputs
        )

    def __post_init__(self):
        # Not in the pipeline, where a layer could not create its variable.
        self.stages  # noqa: B018

    @functools.cached_property
    def stages(self) -> list[list[keras.layers.Layer]]:
        """The layers, one of each inner list for an image."""
        how = {"value_range": _RANGE, "dtype": "float32", "seed": 0}
        stages = []
        if self.color_jitter:
            kinds = [keras.layers.RandomBrightness, keras.layers.RandomContrast]
            if self.channels == 3:
                kinds.append(keras.layers.RandomSaturation)
            stages += [[kind(self.color_jitter, **how)] for kind in kinds]
        if self.rand_augment:
            whole = keras.layers.RandAugment(
                num_ops=self.operations, factor=self.rand_augment, **how
            )
            layers = [getattr(whole, name) for name in whole._AUGMENT_LAYERS]
            if self.channels == 1:
                layers = [x for x in layers if not isinstance(x, _OF_COLOURS)]
            stages += [layers] * self.operations
        return stages

    def _varied(self, images, keys):
        scale = _LARGEST / self.white
        varied = tf.map_fn(
            lambda one: self._varied_alone(*one),
            (tf.cast(images, tf.float32) * scale, keys),
            fn_output_signature=tf.TensorSpec(images.shape[1:], tf.float32),
        )
        varied = tf.clip_by_value(varied, *_RANGE) / scale
        if images.dtype.is_integer:
            varied = tf.round(varied)
        return tf.cast(varied, images.dtype)

    def _varied_alone(self, image, key):
        images = image[tf.newaxis]
        for number, layers in enumerate(self.stages):
            seed = _Seed(key, number)
            branches = [
                functools.partial(_transformed, layer, images, seed)
                for layer in layers
            ]
            if len(branches) == 1:
                images = branches[0]()
                continue
            chosen = tf.random.stateless_uniform(
                [], seed.next(), 0, len(layers), tf.int32
            )
            images = tf.switch_case(chosen, branches)
        return images[0]


def _transformed(layer, images, seed):
    transformation = layer.get_random_transformation(
        images, training=True, seed=seed
    )
    results = layer.transform_images(images, transformation, training=True)
    return tf.ensure_shape(tf.cast(results, tf.float32), images.shape)


class _Seed(keras.random.SeedGenerator):
    """Seeds of a layer's draws, as a function of a key; it has no state.

    Args:
        key: an int32 scalar.
        stage: number of the layer.
    """

    def __init__(self, key, stage):
        self._key, self._stage, self._count = key, stage, 0

    def next(self, ordered=True):
        """Returns another seed, `[2]`, int32."""
        del ordered
        self._count += 1
        return tf.stack([self._key, self._stage * 2**16 + self._count])
