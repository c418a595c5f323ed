"""The losses of LIT (the paper's section 3.2, `docs/method.md`).

Pure functions of tensors, in float32. `hard`, `binary` and `soft` return one
value per example, `[batch]`; `kd` and `lit` return weighted sums of the same
shape as their arguments.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


def hard(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Computes the cross-entropy of each example's logits with its label.

    Args:
        labels: `[batch]` or `[batch, 1]`, class numbers from 0, of any dtype;
            or `[batch, classes]`, the probability of each class, such as
            one-hot labels.
        logits: `[batch, classes]`.

    Returns:
        `[batch]`, float32.

    Raises:
        ValueError: if the labels have another shape.
    """
    labels = tf.convert_to_tensor(labels)
    logits = tf.cast(logits, tf.float32)
    if labels.shape.rank == 2 and labels.shape[1] == logits.shape[1] != 1:
        return tf.nn.softmax_cross_entropy_with_logits(
            tf.cast(labels, tf.float32), logits
        )
    if labels.shape.rank not in (None, 1) and labels.shape[1:] != [1]:
        raise ValueError(
            "Labels must be class numbers, [batch] or [batch, 1], or one-hot, "
            "[batch, classes], with as many classes as there are logits. "
            f"Received: shape {labels.shape}."
        )
    labels = tf.cast(tf.reshape(labels, [-1]), tf.int32)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def binary(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Computes the mean binary cross-entropy over the labels of each example.

    Args:
        labels: `[batch, labels]`, in [0, 1].
        logits: `[batch, labels]`.

    Returns:
        `[batch]`, float32.
    """
    logits = tf.cast(logits, tf.float32)
    labels = tf.reshape(tf.cast(labels, tf.float32), tf.shape(logits))
    values = tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)
    return example_mean(values, logits)


def example_mean(values: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Computes the mean of each example's values.

    Args:
        values: `[batch, ...]`; or a scalar, which becomes the value of every
            example.
        outputs: `[batch, ...]`, which gives the number of examples.

    Returns:
        `[batch]`, in the dtype of `values`.
    """
    if values.shape.rank == 0:
        return tf.fill([tf.shape(outputs)[0]], values)
    return tf.reduce_mean(values, axis=tf.range(1, tf.rank(values)))


def per_example(loss: Any) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Returns a Keras loss as a function that keeps the examples apart.

    Args:
        loss: the name of a loss, a `keras.losses.Loss` or a function of
            (labels, outputs).

    Returns:
        A function of (labels, outputs) → `[batch]`, float32. Where `loss`
        returns a scalar, every example gets it.
    """
    loss = keras.losses.get(loss)
    values = loss.call if isinstance(loss, keras.losses.Loss) else loss

    def compute(labels, outputs):
        labels, outputs = _expand_scalars(labels, outputs)
        computed = tf.cast(values(labels, outputs), tf.float32)
        return example_mean(computed, outputs)

    return compute


def _expand_scalars(labels, outputs):
    """Returns labels and outputs, both `[batch, 1]` if they are scalars.

    A loss of `[batch]` and `[batch, 1]` would broadcast to `[batch, batch]`.
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
    """Computes the cross-entropy with the teacher's softened probabilities.

    CE(softmax(z_t/τ), z_s/τ), without the factor τ², which `kd` applies. It
    differs from the KL divergence by the entropy of the teacher's
    probabilities, a constant. No gradient flows to the teacher.

    Args:
        teacher_logits: z_t, `[batch, classes]`.
        student_logits: z_s, `[batch, classes]`.
        temperature: τ > 0, which divides both logits.

    Returns:
        `[batch]`, float32.

    Raises:
        ValueError: if the shapes differ.
    """
    if not teacher_logits.shape.is_compatible_with(student_logits.shape):
        raise ValueError(
            "Teacher and student must have logits of the same shape. Received: "
            f"teacher {teacher_logits.shape}, student {student_logits.shape}."
        )
    targets = tf.nn.softmax(tf.cast(teacher_logits, tf.float32) / temperature)
    return tf.nn.softmax_cross_entropy_with_logits(
        tf.stop_gradient(targets),
        tf.cast(student_logits, tf.float32) / temperature,
    )


def kd(
    hard: tf.Tensor, soft: tf.Tensor, *, alpha: float, temperature: float
) -> tf.Tensor:
    """Computes L_KD = α · hard + (1 − α) · τ² · soft (section 3.2).

    The factor τ² keeps the size of the soft gradient when τ varies (Hinton et
    al., 2015).

    Args:
        hard: the cross-entropy with the labels, `[batch]`.
        soft: the cross-entropy with the teacher, without τ², `[batch]`.
        alpha: α in [0, 1], the weight of the hard loss.
        temperature: τ > 0.

    Returns:
        `[batch]`.
    """
    return alpha * hard + (1 - alpha) * temperature**2 * soft


def lit(kd: tf.Tensor, ir: tf.Tensor, *, beta: float) -> tf.Tensor:
    """Computes L = β · L_KD + (1 − β) · L_IR (section 3.2).

    Args:
        kd: L_KD, `[batch]`.
        ir: L_IR, the sum of the sections' penalties, `[batch]`.
        beta: β in [0, 1], the weight of L_KD; 0 for a generator, which has no
            labels.

    Returns:
        `[batch]`.
    """
    return beta * kd + (1 - beta) * ir
