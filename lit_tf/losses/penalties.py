"""Penalties: distances between two representations (the paper's section 3.1).

A penalty takes the teacher's representation first, then the student's, of the
same shape `[batch, ...]`. It computes in float32 and returns the mean over each
example's elements, `[batch]`. The mean of these over the batch is the paper's
l, a mean over *all* elements. Values per example are needed for sample weights
and for replicas with different numbers of examples. Where Keras masks positions
of a representation as padding, the mean is over an example's other positions.
"""

import functools
from collections.abc import Callable

import keras
import tensorflow as tf

from lit_tf.losses import distillation, masks

Penalty = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def l1(teacher: tf.Tensor, student: tf.Tensor) -> tf.Tensor:
    """Computes the mean absolute difference of each example.

    Args:
        teacher: the teacher's representation, `[batch, ...]`, of any floating
            dtype.
        student: the student's representation, the same shape.

    Returns:
        `[batch]`, float32.

    Raises:
        ValueError: if the shapes differ.
    """
    difference = _difference(teacher, student)
    return masks.mean(tf.abs(difference), masks.of(teacher, student))


def l2(teacher: tf.Tensor, student: tf.Tensor) -> tf.Tensor:
    """Computes the mean squared difference of each example, without a ½.

    Arguments, result and errors are those of `l1`.
    """
    difference = _difference(teacher, student)
    return masks.mean(tf.square(difference), masks.of(teacher, student))


def smooth_l1(teacher: tf.Tensor, student: tf.Tensor) -> tf.Tensor:
    """Computes the mean Huber loss of each example, with δ = 1.

    An element counts ½d² if |d| < 1, else |d| − ½. Arguments, result and errors
    are those of `l1`.
    """
    distance = tf.abs(_difference(teacher, student))
    values = tf.where(distance < 1, 0.5 * tf.square(distance), distance - 0.5)
    return masks.mean(values, masks.of(teacher, student))


def l2_normalized(teacher: tf.Tensor, student: tf.Tensor) -> tf.Tensor:
    """Computes the mean squared difference in units of the teacher's own size.

    It is mean‖T − S‖² / mean‖T‖², so that representations of any size weigh the
    same. The second mean is over the batch of all replicas, and has no gradient
    (Bercovich et al., 2024, "Puzzle", block-wise local distillation).

    Arguments, result and errors are those of `l1`.
    """
    mask = masks.of(teacher, student)
    squares = masks.mean(tf.square(tf.cast(teacher, tf.float32)), mask)
    size = masks.over_replicas(
        tf.stack(
            [tf.reduce_sum(squares), tf.cast(tf.size(squares), tf.float32)]
        )
    )
    mean = tf.stop_gradient(size[0] / size[1])
    return tf.math.divide_no_nan(l2(teacher, student), mean)


PENALTIES: dict[str, Penalty] = {
    "l1": l1,
    "l2": l2,
    "l2_normalized": l2_normalized,
    "smooth_l1": smooth_l1,
}


def get(
    penalty: str | Penalty | keras.distillation.DistillationLoss,
) -> Penalty:
    """Returns a penalty by its name, or as a function.

    A loss of `keras.distillation` is called with the two representations in
    float32. Keras's own return a mean over the batch, which becomes the value
    of every example: sample weights then weigh the batch as a whole.

    Args:
        penalty: "l2", "l1", "smooth_l1", "l2_normalized", a function of
            (teacher, student) that returns `[batch]`, or a loss of
            `keras.distillation`.

    Raises:
        ValueError: if there is no penalty of that name.
    """
    if isinstance(penalty, keras.distillation.DistillationLoss):
        return functools.partial(_keras_loss, penalty)
    if callable(penalty):
        return penalty
    if penalty not in PENALTIES:
        raise ValueError(
            f"`penalty` must be one of {', '.join(PENALTIES)}, a function of "
            "(teacher, student) or a loss of keras.distillation. Received: "
            f"penalty={penalty!r}."
        )
    return PENALTIES[penalty]


def _keras_loss(loss, teacher, student):
    pair = [tf.cast(values, tf.float32) for values in (teacher, student)]
    value = tf.convert_to_tensor(loss.compute_loss(*pair))
    return distillation.example_mean(value, student)


def _difference(teacher, student):
    if not teacher.shape.is_compatible_with(student.shape):
        raise ValueError(
            "A penalty compares tensors of the same shape. Received: "
            f"teacher {teacher.shape}, student {student.shape}."
        )
    return tf.cast(teacher, tf.float32) - tf.cast(student, tf.float32)
