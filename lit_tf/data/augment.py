"""Variations of a training batch: vectorised functions of given draws."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Crop:
    """Pads an image with zeros, cuts its size out of it, perhaps mirrors it.

    The padding is in raw pixels, so that it is what a black border would be.
    By default it does nothing, to inputs of any kind.

    Args:
        pad: pixels on each side; 0 leaves the image where it is.
        flip: whether half of the images are mirrored left to right.
    """

    pad: int = 0
    flip: bool = False

    def __call__(
        self, images: tf.Tensor, draw: Callable[[int], tf.Tensor]
    ) -> tf.Tensor:
        """Varies a batch.

        Args:
            images: `[batch, height, width, channels]`.
            draw: returns `[batch]` random integers ≥ 0, other ones for each
                number it is given.

        Returns:
            The shape and type of `images`.
        """
        if self == Crop():
            return images
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


def unit(images: tf.Tensor) -> tf.Tensor:
    """Returns bytes 0 … 255 as float32 in [−1, 1], in which GANs work."""
    return tf.cast(images, tf.float32) / 127.5 - 1


def to_bytes(images: tf.Tensor) -> tf.Tensor:
    """Returns images in [−1, 1] as bytes 0 … 255, each the nearest."""
    levels = tf.round((tf.cast(images, tf.float32) + 1) * 127.5)
    return tf.cast(tf.clip_by_value(levels, 0, 255), tf.uint8)
