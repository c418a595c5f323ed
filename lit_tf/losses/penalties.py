"""Penalties: how far a student's representation is from its teacher's.

Each takes the teacher's first, of the same shape `[batch, ...]`, computes in
float32 and returns one value an example, `[batch]`: the mean over the example's
elements. Their mean over the batch is the paper's l (section 3.1), a mean over
*all* elements; keeping the examples apart is what lets uneven replicas and
sample weights be counted right.
"""

import functools
from collections.abc import Callable

import keras
import tensorflow as tf

from lit_tf.losses import distillation

Penalty = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def l1(teacher: tf.Tensor, student: tf.Tensor) -> tf.Tensor:
    """Computes the mean absolute difference of each example.

    Args:
        teacher: `[batch, ...]`, any floating type.
        student: the same shape.

    Returns:
        `[batch]`, float32.

    Raises:
        ValueError: the shapes differ.
    """
    return _example_mean(tf.abs(_difference(teacher, student)))


def l2(teacher: tf.Tensor, student: tf.Tensor) -> tf.Tensor:
    """Computes the mean squared difference of each example, not halved.

    Arguments, result and errors are those of `l1`.
    """
    return _example_mean(tf.square(_difference(teacher, student)))


def smooth_l1(teacher: tf.Tensor, student: tf.Tensor) -> tf.Tensor:
    """Computes the mean Huber distance of each example, its knee at 1.

    ½d² where |d| < 1 and |d| − ½ elsewhere. Arguments, result and errors are
    those of `l1`.
    """
    distance = tf.abs(_difference(teacher, student))
    return _example_mean(
        tf.where(distance < 1, 0.5 * tf.square(distance), distance - 0.5)
    )


PENALTIES: dict[str, Penalty] = {"l1": l1, "l2": l2, "smooth_l1": smooth_l1}


def get(
    penalty: str | Penalty | keras.distillation.DistillationLoss,
) -> Penalty:
    """Returns a penalty by its name, or the one it was given.

    A loss of `keras.distillation` is asked for two representations, in float32.
    Those of Keras answer with a mean over the batch, which then is every
    example's: with sample weights it is weighed as a whole.

    Raises:
        ValueError: no penalty has that name.
    """
    if isinstance(penalty, keras.distillation.DistillationLoss):
        return functools.partial(_distilled, penalty)
    if callable(penalty):
        return penalty
    if penalty not in PENALTIES:
        raise ValueError(
            f"`penalty` must be one of {', '.join(PENALTIES)}, a function of "
            "(teacher, student) or a loss of keras.distillation. Received: "
            f"penalty={penalty!r}."
        )
    return PENALTIES[penalty]


def _distilled(loss, teacher, student):
    pair = [tf.cast(values, tf.float32) for values in (teacher, student)]
    value = tf.convert_to_tensor(loss.compute_loss(*pair))
    return distillation.each_example(value, student)


def _difference(teacher, student):
    if not teacher.shape.is_compatible_with(student.shape):
        raise ValueError(
            "A penalty compares tensors of one shape. Received: "
            f"teacher {teacher.shape}, student {student.shape}."
        )
    return tf.cast(teacher, tf.float32) - tf.cast(student, tf.float32)


def _example_mean(values):
    return tf.reduce_mean(values, axis=tf.range(1, tf.rank(values)))
