"""The losses of LIT, as in the paper (section 3.2) and `docs/method.md`.

Pure functions of tensors, in float32. `hard` and `soft` return one value an
example, `[batch]`; `kd` and `lit` weigh what they are given and keep its shape.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


def hard(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Computes the cross-entropy of each example with its label.

    Args:
        labels: `[batch]` or `[batch, 1]`, class numbers from 0, of any type; or
            `[batch, classes]`, the probability of each class (one-hot labels).
        logits: `[batch, classes]`.

    Returns:
        `[batch]`, float32.

    Raises:
        ValueError: the labels have another shape.
    """
    labels = tf.convert_to_tensor(labels)
    logits = tf.cast(logits, tf.float32)
    if labels.shape.rank == 2 and labels.shape[1] == logits.shape[1] != 1:
        return tf.nn.softmax_cross_entropy_with_logits(
            tf.cast(labels, tf.float32), logits
        )
    if labels.shape.rank not in (None, 1) and labels.shape[1:] != [1]:
        raise ValueError(
            "Labels must be class numbers, [batch] or [batch, 1], or as many "
            f"as there are logits. Received: shape {labels.shape}."
        )
    labels = tf.cast(tf.reshape(labels, [-1]), tf.int32)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def binary(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Computes the mean cross-entropy of each example's yes-or-no answers.

    Args:
        labels: `[batch, labels]`, 0, 1 or between.
        logits: the same shape.

    Returns:
        `[batch]`, float32.
    """
    logits = tf.cast(logits, tf.float32)
    labels = tf.reshape(tf.cast(labels, tf.float32), tf.shape(logits))
    values = tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)
    return each_example(values, logits)


def each_example(values: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Returns one value an example, `[batch]`: the mean of its own.

    Args:
        values: `[batch, ...]`; or a scalar, which then is every example's.
        outputs: `[batch, ...]`, of which they are.
    """
    if values.shape.rank == 0:
        return tf.fill([tf.shape(outputs)[0]], values)
    return tf.reduce_mean(values, axis=tf.range(1, tf.rank(values)))


def each(loss: Any) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Returns a loss of Keras as a function with one value an example.

    Args:
        loss: a name, a `keras.losses.Loss` or a function of (labels, outputs).
    """
    loss = keras.losses.get(loss)
    values = loss.call if isinstance(loss, keras.losses.Loss) else loss

    def of(labels, outputs):
        labels, outputs = _alike(labels, outputs)
        found = tf.cast(values(labels, outputs), tf.float32)
        return each_example(found, outputs)

    return of


def _alike(labels, outputs):
    """Returns labels and outputs, `[batch, 1]` where they are a number each.

    A function of `[batch]` and `[batch, 1]` would compare all with all.
    """
    labels = tf.convert_to_tensor(labels)
    single = [
        values.shape.rank == 1 or values.shape[1:] == [1]
        for values in (labels, outputs)
    ]
    if not all(single):
        return labels, outputs
    return tf.reshape(labels, [-1, 1]), tf.reshape(outputs, [-1, 1])


def soft(
    teacher_logits: tf.Tensor, student_logits: tf.Tensor, temperature: float
) -> tf.Tensor:
    """Computes the cross-entropy with the teacher's softened answer.

    CE(softmax(z_t/τ), z_s/τ): without the factor τ², which `kd` applies. It
    differs from the KL divergence by the entropy of the teacher's answer, which
    has no gradient.

    Args:
        teacher_logits: `[batch, classes]`.
        student_logits: the same shape.
        temperature: τ, divides both.

    Returns:
        `[batch]`, float32.

    Raises:
        ValueError: the shapes differ.
    """
    if not teacher_logits.shape.is_compatible_with(student_logits.shape):
        raise ValueError(
            "Teacher and student must answer for the same classes. Received: "
            f"teacher {teacher_logits.shape}, student {student_logits.shape}."
        )
    answers = tf.nn.softmax(tf.cast(teacher_logits, tf.float32) / temperature)
    return tf.nn.softmax_cross_entropy_with_logits(
        tf.stop_gradient(answers),
        tf.cast(student_logits, tf.float32) / temperature,
    )


def kd(
    hard: tf.Tensor, soft: tf.Tensor, *, alpha: float, temperature: float
) -> tf.Tensor:
    """Computes L_KD = α · hard + (1 − α) · τ² · soft; α weighs the hard label.

    τ² keeps the soft gradient's size while τ varies (Hinton et al., 2015).
    """
    return alpha * hard + (1 - alpha) * temperature**2 * soft


def lit(kd: tf.Tensor, ir: tf.Tensor, *, beta: float) -> tf.Tensor:
    """Computes L = β · L_KD + (1 − β) · L_IR; β weighs KD.

    Args:
        kd: L_KD.
        ir: L_IR, the penalties summed over the sections.
        beta: in [0, 1]; 0 for a student that has no labels.
    """
    return beta * kd + (1 - beta) * ir
