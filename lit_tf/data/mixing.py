"""`Mixing`: mixup and CutMix, which mix two examples of a batch."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from lit_tf.data import image_tensors, keyed_random

_HALVINGS = 24  # λ is found to 2⁻²⁴.
# Numbers of the draws.
_SHARE, _KIND, _TOP, _LEFT = range(20, 24)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mixing:
    """Mixes each image with a random one of its batch, and their labels.

    The share λ of the first image is drawn for each example from the
    distribution Beta(α, α). Mixup (Zhang et al., 2018) returns
    λ · first + (1 − λ) · second. CutMix (Yun et al., 2019) replaces a rectangle
    of the area 1 − λ by the second image; where it reaches beyond the image, λ
    is the area that is left of the first. With both on, each example has one of
    them with probability 1/2.

    Args:
        classes: number of classes.
        mixup: α of mixup, ≥ 0; 0 for none.
        cutmix: α of CutMix, ≥ 0; 0 for none.
    """

    classes: int
    mixup: float = 0.0
    cutmix: float = 0.0

    def __call__(
        self,
        first: tuple[tf.Tensor, tf.Tensor],
        second: tuple[tf.Tensor, tf.Tensor],
        draw: Callable[[int], tf.Tensor],
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Mixes a batch with another.

        Args:
            first: images `[batch, height, width, channels]`, and class numbers
                `[batch]` or probabilities of classes `[batch, classes]`.
            second: likewise.
            draw: a function that returns `[batch]` random integers in [0, 2³¹),
                independent ones for each argument.

        Returns:
            Images of the same shape and type, whole numbers rounded, and
            probabilities of classes, `[batch, classes]` in float32.
        """
        u = keyed_random.unit_interval(draw(_SHARE))
        kinds = [
            mix(
                *(images for images, _ in (first, second)),
                _beta(u, alpha),
                draw,
            )
            for alpha, mix in ((self.mixup, _mixed), (self.cutmix, _cut))
            if alpha
        ]
        images, share = kinds[0]
        if len(kinds) > 1:
            other, other_share = kinds[1]
            swap = draw(_KIND) % 2 == 1
            images = tf.where(_of_images(swap), other, images)
            share = tf.where(swap, other_share, share)
        a, b = (self._probabilities(labels) for _, labels in (first, second))
        share = share[:, tf.newaxis]
        return images, share * a + (1 - share) * b

    def _probabilities(self, labels):
        if labels.shape.rank == 2 and labels.shape[-1] == self.classes > 1:
            return tf.cast(labels, tf.float32)
        return tf.one_hot(
            tf.reshape(tf.cast(labels, tf.int32), [-1]), self.classes
        )


def _beta(u, alpha):
    """Returns quantiles of the distribution Beta(α, α), `[batch]`."""
    low, high = tf.zeros_like(u), tf.ones_like(u)
    alpha = tf.fill(tf.shape(u), tf.constant(alpha, tf.float32))

    def halve(low, high):
        middle = (low + high) / 2
        below = tf.math.betainc(alpha, alpha, middle) < u
        return tf.where(below, middle, low), tf.where(below, high, middle)

    low, high = tf.while_loop(
        lambda *_: True, halve, (low, high), maximum_iterations=_HALVINGS
    )
    return (low + high) / 2


def _mixed(first, second, share, draw):
    del draw
    weight = _of_images(share)
    mixed = weight * tf.cast(first, tf.float32)
    mixed += (1 - weight) * tf.cast(second, tf.float32)
    return image_tensors.as_type(mixed, first.dtype), share


def _cut(first, second, share, draw):
    _, height, width, _ = first.shape
    part = tf.sqrt(1 - share)
    rows, top, bottom = _span(
        height, part, keyed_random.unit_interval(draw(_TOP))
    )
    columns, left, right = _span(
        width, part, keyed_random.unit_interval(draw(_LEFT))
    )
    inside = tf.logical_and(rows[:, :, tf.newaxis], columns[:, tf.newaxis])
    area = (bottom - top) * (right - left)
    images = tf.where(inside[..., tf.newaxis], second, first)
    return images, 1 - tf.cast(area, tf.float32) / (height * width)


def _span(size, part, centre):
    """Returns which places of an axis are cut, `[batch, size]`, and bounds."""
    length = tf.cast(size * part, tf.int32)
    start = tf.cast(size * centre, tf.int32) - length // 2
    end = tf.minimum(start + length, size)
    start = tf.maximum(start, 0)
    places = tf.range(size)[tf.newaxis]
    inside = (places >= start[:, tf.newaxis]) & (places < end[:, tf.newaxis])
    return inside, start, end


def _of_images(values):
    return tf.reshape(values, [-1, 1, 1, 1])
