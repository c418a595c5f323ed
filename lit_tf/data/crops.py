"""Random crops and flips of training batches, from random integers."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from lit_tf.data import image_tensors, keyed_random


@dataclasses.dataclass(frozen=True)
class Crop:
    """Random crop of a zero-padded image, and random horizontal flip.

    The padding is added to raw pixels, like a black border. The default `Crop`
    returns inputs of any kind unchanged. Several images of an example are
    shifted and flipped alike; its other inputs are unchanged.

    Args:
        pad: zero padding on each side in pixels; 0 for no shift.
        flip: whether half of the images are flipped left to right.
    """

    pad: int = 0
    flip: bool = False

    def __call__(self, inputs: Any, draw: Callable[[int], tf.Tensor]) -> Any:
        """Augments a batch.

        Args:
            inputs: images, `[batch, height, width, channels]`, or nested
                inputs, some of them images.
            draw: a function that returns `[batch]` random integers ≥ 0,
                independent ones for each argument 0, 1, 2.

        Returns:
            Inputs of the same shape and type.
        """
        if self == Crop():
            return inputs
        return _of_images(lambda x: self._augmented(x, draw), inputs)

    def _augmented(self, images, draw):
        _, height, width, channels = images.shape
        tall, wide = height + 2 * self.pad, width + 2 * self.pad
        top = draw(0) % (2 * self.pad + 1)
        left = draw(1) % (2 * self.pad + 1)
        columns = tf.range(width)[tf.newaxis] + left[:, tf.newaxis]
        if self.flip:
            mirrored = (draw(2) % 2 == 1)[:, tf.newaxis]
            columns = tf.where(mirrored, columns[:, ::-1], columns)
        rows = tf.range(height)[tf.newaxis] + top[:, tf.newaxis]
        pixels = rows[:, :, tf.newaxis] * wide + columns[:, tf.newaxis]
        sides = [self.pad, self.pad]
        padded = tf.pad(images, [[0, 0], sides, sides, [0, 0]])
        flat = tf.reshape(padded, [-1, tall * wide, channels])
        return tf.gather(flat, pixels, batch_dims=1)


@dataclasses.dataclass(frozen=True)
class ResizedCrop:
    """Random part of an image, resized to the size of the image.

    The part has a random area and a random ratio of its sides in [3/4, 4/3],
    relative to the image's, as far as the area allows. It is resized
    bilinearly.

    Args:
        least: the smallest area, as a fraction of the image's, in (0, 1].
    """

    least: float

    def __call__(self, inputs: Any, draw: Callable[[int], tf.Tensor]) -> Any:
        """Augments a batch; arguments and result are those of `Crop`."""
        area, ratio, top, left = (
            keyed_random.unit_interval(draw(number)) for number in range(6, 10)
        )
        area = self.least + (1 - self.least) * area
        # No side is longer than the image's.
        most = tf.minimum(math.log(4 / 3), -tf.math.log(area))
        ratio = tf.exp((2 * ratio - 1) * most)
        height = tf.minimum(tf.sqrt(area / ratio), 1.0)  # 1 + rounding.
        width = tf.minimum(tf.sqrt(area * ratio), 1.0)
        top, left = top * (1 - height), left * (1 - width)
        boxes = tf.stack([top, left, top + height, left + width], axis=1)

        def resized(images):
            results = tf.image.crop_and_resize(
                tf.cast(images, tf.float32),
                boxes,
                tf.range(tf.shape(images)[0]),
                images.shape[1:3],
            )
            return image_tensors.as_type(results, images.dtype)

        return _of_images(resized, inputs)


@dataclasses.dataclass(frozen=True)
class Chain:
    """Several augmentations, one after the other.

    Args:
        parts: functions such as `Crop`.
    """

    parts: tuple[Callable[..., Any], ...]

    def __call__(self, inputs: Any, draw: Callable[[int], tf.Tensor]) -> Any:
        """Augments a batch; arguments and result are those of `Crop`."""
        for part in self.parts:
            inputs = part(inputs, draw)
        return inputs


def _of_images(function, inputs):
    """Applies a function to the inputs that are images."""
    return tf.nest.map_structure(
        lambda x: function(x) if image_tensors.is_image(x) else x, inputs
    )
