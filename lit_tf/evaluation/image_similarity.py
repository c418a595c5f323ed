"""How like two sets of pictures are, one with one.

Each takes pictures in [−1, 1], `[batch, height, width, 3]`, and the pictures
they should be like, of the same shape; compares them on the scale from 0 to 1,
in float32; and returns one value a picture, `[batch]`. All are symmetric.
"""

import math

import tensorflow as tf

from lit_tf import errors


def l1(reference: tf.Tensor, pictures: tf.Tensor) -> tf.Tensor:
    """Computes the mean absolute difference of each picture.

    Args:
        reference: `[batch, height, width, 3]`, in [−1, 1], floating.
        pictures: the same shape.

    Returns:
        `[batch]`, float32: from 0 to 1, where black is 0 and white is 1.

    Raises:
        ValueError: the shapes differ or are not those of pictures, a height or
            width is unknown, or they are not floating.
    """
    reference, pictures = _from_zero_to_one(reference, pictures)
    return tf.reduce_mean(tf.abs(reference - pictures), axis=[1, 2, 3])


def l2(reference: tf.Tensor, pictures: tf.Tensor) -> tf.Tensor:
    """Computes the mean squared difference of each picture, from 0 to 1.

    Arguments, result and errors are those of `l1`.
    """
    reference, pictures = _from_zero_to_one(reference, pictures)
    return tf.reduce_mean(tf.square(reference - pictures), axis=[1, 2, 3])


def ssim(reference: tf.Tensor, pictures: tf.Tensor) -> tf.Tensor:
    """Computes the structural similarity of each picture (Wang et al., 2004).

    Section III there: a Gaussian window of 11 × 11 pixels, σ = 1.5, K₁ = 0.01,
    K₂ = 0.03, the mean over windows and colours. Smaller pictures have the
    largest odd window that fits.

    Arguments and errors are those of `l1`.

    Returns:
        `[batch]`, float32: from −1 to 1, which equal pictures have.
    """
    reference, pictures = _from_zero_to_one(reference, pictures)
    side = min(11, *pictures.shape[1:3])
    # Not in [−1, 1]: it compares means as well, by their ratio to 0.
    return tf.image.ssim(
        reference, pictures, max_val=1.0, filter_size=side - 1 + side % 2
    )


def decibels(l2: float) -> float:
    """Returns the peak signal-to-noise ratio of a mean squared difference.

    Args:
        l2: on the scale from 0 to 1, the mean over any number of pictures.

    Returns:
        10 log₁₀(1 / l2), in decibels; infinite for 0.
    """
    return -10 * math.log10(l2) if l2 else math.inf


class Likeness:
    """How like two sets of pictures are, over all of them, batch by batch."""

    def __init__(self):
        self.count = 0
        self._sums = {"l1": 0.0, "l2": 0.0, "ssim": 0.0}

    def update(self, reference: tf.Tensor, pictures: tf.Tensor) -> None:
        """Adds a batch; arguments and errors are those of `l1`."""
        for name, measure in (("l1", l1), ("l2", l2), ("ssim", ssim)):
            values = tf.cast(measure(reference, pictures), tf.float64)
            self._sums[name] += float(tf.reduce_sum(values))
        self.count += len(pictures)

    @property
    def values(self) -> dict[str, float]:
        """The means of `l1`, `l2` and `ssim`, and `psnr`, that of the mean l2.

        `psnr` is infinite where all pictures are their references.

        Raises:
            DataError: there are no pictures.
        """
        if not self.count:
            raise errors.DataError(
                "Likeness needs 1 or more pictures. Received: 0."
            )
        means = {name: s / self.count for name, s in self._sums.items()}
        return means | {"psnr": decibels(means["l2"])}


def _from_zero_to_one(*pair):
    reference, pictures = map(tf.convert_to_tensor, pair)
    shape = pictures.shape
    known = shape.rank == 4 and shape[3] == 3 and None not in shape[1:]
    if not known or not reference.shape.is_compatible_with(shape):
        raise ValueError(
            "Likeness compares pictures [batch, height, width, 3] of one shape."
            f" Received: reference {reference.shape}, pictures {shape}."
        )
    if not (reference.dtype.is_floating and pictures.dtype.is_floating):
        raise ValueError(
            "Likeness compares floating pictures in [−1, 1]. Received: "
            f"reference {reference.dtype.name}, pictures {pictures.dtype.name}."
        )
    return [(tf.cast(x, tf.float32) + 1) / 2 for x in (reference, pictures)]
