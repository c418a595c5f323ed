"""`ImageLayers`: augmentation of images by preprocessing layers of Keras."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from lit_tf.data import image_tensors

_LARGEST = 255.0
_RANGE = (0.0, _LARGEST)
_KEY = 10  # Number of the draw.
# Layers that mix the channels of color images.
_OF_COLORS = (
    keras.layers.RandomColorDegeneration,
    keras.layers.RandomSaturation,
)


class _Solarization(keras.layers.Solarization):
    """Inverts pixels from a threshold on; a small factor, only bright ones.

    Keras draws the threshold from 0 to 255 · factor: with a small factor it
    inverts nearly all pixels.
    """

    def get_random_transformation(self, data, training=True, seed=None):
        drawn = super().get_random_transformation(data, training, seed)
        return drawn | {"thresholds": _LARGEST + 1 - drawn["thresholds"]}


def _pixels(**arguments):
    return {"value_range": _RANGE, "seed": 0, **arguments}


# A layer of Keras → its arguments, as a function of the strength in [0, 1].
_JITTER = {
    keras.layers.RandomBrightness: lambda s: _pixels(factor=s),
    # A single factor would never lower the contrast.
    keras.layers.RandomContrast: lambda s: _pixels(factor=(s, s)),
    # A factor f multiplies the saturation by f / (1 - f).
    keras.layers.RandomSaturation: lambda s: _pixels(
        factor=((1 - s) / (2 - s), (1 + s) / (2 + s))
    ),
}
# A factor f moves the hue by up to f / 2 of the circle of colors.
_HUE = {keras.layers.RandomHue: lambda s: _pixels(factor=2 * s)}
# The operations of `keras.layers.RandAugment`, which itself posterizes and
# solarizes most at a small factor, and blurs at any.
_RAND_AUGMENT = {
    keras.layers.RandomShear: lambda s: {
        "x_factor": s,
        "y_factor": s,
        "seed": 0,
    },
    keras.layers.RandomTranslation: lambda s: {
        "height_factor": s,
        "width_factor": s,
        "seed": 0,
    },
    keras.layers.RandomRotation: lambda s: {"factor": s, "seed": 0},
    keras.layers.RandomBrightness: _JITTER[keras.layers.RandomBrightness],
    keras.layers.RandomColorDegeneration: lambda s: _pixels(factor=s),
    keras.layers.RandomContrast: _JITTER[keras.layers.RandomContrast],
    # 0 blurs, 0.5 changes nothing, and 1 sharpens.
    keras.layers.RandomSharpness: lambda s: _pixels(
        factor=((1 - s) / 2, (1 + s) / 2)
    ),
    # The number of bits that a pixel keeps, as lower and upper bound.
    keras.layers.RandomPosterization: lambda s: _pixels(
        factor=(8 - round(4 * s),) * 2
    ),
    _Solarization: lambda s: _pixels(threshold_factor=s),
    keras.layers.AutoContrast: lambda s: {"value_range": _RANGE},
    keras.layers.Equalization: lambda s: {"value_range": _RANGE},
}


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
        hue: the largest change of the hue of images of 3 channels, as a
            fraction of the circle of colors in [0, 0.5]; 0 for none.
        rand_augment: strength, in [0, 1], of the operations of
            `keras.layers.RandAugment`; 0 for none. Automatic contrast and
            equalization have no strength.
        operations: number of operations of RandAugment for each image.
    """

    channels: int
    white: float
    color_jitter: float = 0.0
    hue: float = 0.0
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

    def __repr__(self):
        # It is a part of the keys of caches. Without a hue it is that of
        # earlier versions, which had none.
        shown = (
            f"{field.name}={getattr(self, field.name)!r}"
            for field in dataclasses.fields(self)
            if field.name != "hue" or self.hue
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    def __post_init__(self):
        # Not in the pipeline, where a layer could not create its variable.
        self.stages  # noqa: B018

    @functools.cached_property
    def stages(self) -> list[list[keras.layers.Layer]]:
        """The layers, one of each inner list for an image."""
        stages = []
        if self.color_jitter:
            jitter = self._layers(_JITTER, self.color_jitter)
            stages += [[layer] for layer in jitter]
        if self.hue:
            stages.append(self._layers(_HUE, self.hue))
        if self.rand_augment:
            operations = self._layers(_RAND_AUGMENT, self.rand_augment)
            stages += [operations] * self.operations
        return stages

    def _layers(self, table, strength):
        return [
            kind(**arguments(strength), dtype="float32")
            for kind, arguments in table.items()
            if self.channels == 3 or kind not in _OF_COLORS
        ]

    def _varied(self, images, keys):
        scale = _LARGEST / self.white
        varied = tf.map_fn(
            lambda one: self._varied_alone(*one),
            (tf.cast(images, tf.float32) * scale, keys),
            fn_output_signature=tf.TensorSpec(images.shape[1:], tf.float32),
        )
        varied = tf.clip_by_value(varied, *_RANGE) / scale
        return image_tensors.as_type(varied, images.dtype)

    def _varied_alone(self, image, key):
        images = image[tf.newaxis]
        for number, layers in enumerate(self.stages):
            branches = [
                functools.partial(
                    _transformed, layer, images, _Seed(key, number, place)
                )
                for place, layer in enumerate(layers, 1)
            ]
            if len(branches) == 1:
                images = branches[0]()
                continue
            chosen = tf.random.stateless_uniform(
                [], _Seed(key, number, 0).next(), 0, len(layers), tf.int32
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
        stage: number of the stage.
        place: number of the layer in it, from 1; 0 for the choice of a layer.
    """

    def __init__(self, key, stage, place):
        # Each layer has seeds of its own: a graph traces all of a stage.
        self._key, self._base = key, stage * 2**16 + place * 2**8
        self._count = 0

    def next(self, ordered=True):
        """Returns another seed, `[2]`, int32."""
        del ordered
        self._count += 1
        return tf.stack([self._key, self._base + self._count])
