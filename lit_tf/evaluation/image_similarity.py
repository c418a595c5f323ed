"""Similarity of two sets of images, compared pair by pair: L1, L2, PSNR, SSIM.

Each function takes reference images and images of the same shape, `[batch,
height, width, 3]` in [−1, 1]. It compares them in float32 on the scale from 0
to 1 and returns one value for each pair, `[batch]`. All are symmetric.
"""

import math

import tensorflow as tf

from lit_tf import errors


def l1(reference: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Computes the mean absolute difference of each pair.

    Args:
        reference: reference images, `[batch, height, width, 3]` in [−1, 1],
            floating point.
        images: images of the same shape.

    Returns:
        `[batch]`, float32, from 0 to 1: the difference of black and white is 1.

    Raises:
        ValueError: if the shapes differ or are not those of images, the height
            or width is unknown, or a type is not floating point.
    """
    reference, images = _from_zero_to_one(reference, images)
    return tf.reduce_mean(tf.abs(reference - images), axis=[1, 2, 3])


def l2(reference: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Computes the mean squared difference of each pair, from 0 to 1.

    Arguments, result and errors are those of `l1`.
    """
    reference, images = _from_zero_to_one(reference, images)
    return tf.reduce_mean(tf.square(reference - images), axis=[1, 2, 3])


def ssim(reference: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Computes the structural similarity of each pair (Wang et al., 2004).

    Section III there: a Gaussian window of 11 × 11 pixels, σ = 1.5, K₁ = 0.01,
    K₂ = 0.03, the mean over windows and channels. For smaller images the window
    is the largest odd one that fits.

    Arguments and errors are those of `l1`.

    Returns:
        `[batch]`, float32, from −1 to 1. Equal images have 1.
    """
    reference, images = _from_zero_to_one(reference, images)
    side = min(11, *images.shape[1:3])
    # SSIM also compares means relative to 0: it needs the scale from 0 to 1.
    return tf.image.ssim(
        reference, images, max_val=1.0, filter_size=side - 1 + side % 2
    )


def decibels(l2: float) -> float:
    """Converts a mean squared difference to a peak signal-to-noise ratio.

    The value is the same on the scales from 0 to 1 and from 0 to 255.

    Args:
        l2: mean squared difference on the scale from 0 to 1, over any number of
            images.

    Returns:
        10 log₁₀(1 / l2) in decibels; infinite for 0.
    """
    return -10 * math.log10(l2) if l2 else math.inf


class Similarity:
    """Mean similarity of two sets of images, accumulated batch by batch."""

    def __init__(self):
        self.count = 0
        self._sums = {"l1": 0.0, "l2": 0.0, "ssim": 0.0}

    def update(self, reference: tf.Tensor, images: tf.Tensor) -> None:
        """Adds a batch. Arguments and errors are those of `l1`."""
        for name, measure in (("l1", l1), ("l2", l2), ("ssim", ssim)):
            values = tf.cast(measure(reference, images), tf.float64)
            self._sums[name] += float(tf.reduce_sum(values))
        self.count += len(images)

    @property
    def values(self) -> dict[str, float]:
        """The means of `l1`, `l2` and `ssim`, and the PSNR of the mean `l2`.

        `psnr` is infinite if all images equal their references.

        Raises:
            DataError: if there are no images.
        """
        if not self.count:
            raise errors.DataError(
                "A similarity needs at least 1 image. Received: 0."
            )
        means = {name: s / self.count for name, s in self._sums.items()}
        return means | {"psnr": decibels(means["l2"])}


def _from_zero_to_one(*pair):
    reference, images = map(tf.convert_to_tensor, pair)
    shape = images.shape
    known = shape.rank == 4 and shape[3] == 3 and None not in shape[1:]
    if not known or not reference.shape.is_compatible_with(shape):
        raise ValueError(
            "A similarity needs images [batch, height, width, 3] of one shape. "
            f"Received: reference {reference.shape}, images {shape}."
        )
    if not (reference.dtype.is_floating and images.dtype.is_floating):
        raise ValueError(
            "A similarity needs floating-point images in [−1, 1]. Received: "
            f"reference {reference.dtype.name}, images {images.dtype.name}."
        )
    return [(tf.cast(x, tf.float32) + 1) / 2 for x in (reference, images)]
