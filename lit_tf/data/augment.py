"""Data augmentation of training batches, as a function of random integers."""

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf


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
        return tf.nest.map_structure(
            lambda x: self._augmented(x, draw) if is_image(x) else x, inputs
        )

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
