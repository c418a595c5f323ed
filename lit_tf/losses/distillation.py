"""The losses of LIT (the paper's section 3.2, `docs/method.md`).

Pure functions of tensors, in float32. `hard`, `binary` and `soft` return one
value per example, `[batch]`; `kd` and `lit` return weighted sums of the same
shape as their arguments.
"""

import tensorflow as tf

from lit_tf.losses import masks


def hard(
    labels: tf.Tensor,
    logits: tf.Tensor,
    mask: tf.Tensor | None = None,
    *,
    smoothing: float = 0.0,
) -> tf.Tensor:
    """Computes the cross-entropy of each example's logits with its label.

    Logits of positions, such as pixels or words, have a label for each; their
    cross-entropies are averaged.

    Args:
        labels: `[batch, ...]` or `[batch, ..., 1]`, class numbers from 0, of
            any dtype; or `[batch, ..., classes]`, the probability of each
            class, such as one-hot labels.
        logits: `[batch, ..., classes]`. One logit stands for two classes (see
            `of_classes`).
        mask: `[batch, ...]`, the examples or positions that count; all when
            None. The mean is that of the whole batch, as in Keras.
        smoothing: ε in [0, 1); the cross-entropy is that with (1 − ε) · label +
            ε / classes (Szegedy et al., 2016); default 0.

    Returns:
        `[batch]`, float32.

    Raises:
        ValueError: if the labels have another shape.
    """
    labels = tf.convert_to_tensor(labels)
    logits = tf.cast(of_classes(logits), tf.float32)
    if are_one_hot(labels.shape, logits.shape):
        values = tf.nn.softmax_cross_entropy_with_logits(
            tf.cast(labels, tf.float32), logits
        )
        return example_mean(_smoothed(values, logits, smoothing), logits, mask)
    if not are_class_numbers(labels.shape, logits.shape):
        raise ValueError(
            "Labels must be class numbers, [batch] or [batch, 1], or one-hot, "
            "[batch, classes], with as many classes as there are logits. "
            f"Received: shape {labels.shape}, logits {logits.shape}."
        )
    labels = tf.reshape(tf.cast(labels, tf.int32), tf.shape(logits)[:-1])
    if mask is not None:  # A masked label may be of no class.
        mask = masks.with_rank(mask, labels.shape.rank)
        labels = tf.where(tf.cast(mask, tf.bool), labels, 0)
    values = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return example_mean(_smoothed(values, logits, smoothing), logits, mask)


def _smoothed(values, logits, smoothing):
    """Returns cross-entropies with labels that are smoothed."""
    if not smoothing:
        return values
    even = tf.reduce_logsumexp(logits, -1) - tf.reduce_mean(logits, -1)
    return (1 - smoothing) * values + smoothing * even


def are_one_hot(labels: tf.TensorShape, logits: tf.TensorShape) -> bool:
    """Returns whether labels of a shape give a probability to each class.

    Args:
        labels: the shape of the labels.
        logits: the shape of the logits, `[batch, ..., classes]`.
    """
    return labels.rank == logits.rank and labels[-1] == logits[-1] != 1


def are_class_numbers(labels: tf.TensorShape, logits: tf.TensorShape) -> bool:
    """Returns whether labels of a shape may be class numbers.

    Args:
        labels: the shape of the labels.
        logits: the shape of the logits, `[batch, ..., classes]`.
    """
    if labels.rank is None or logits.rank is None:
        return True
    positions = logits[1:-1]
    return any(
        labels[1:].is_compatible_with(shape)
        for shape in (positions, positions.concatenate([1]))
    )


def of_classes(logits: tf.Tensor) -> tf.Tensor:
    """Returns a logit for each class, also for outputs of a single logit.

    One logit z, the log-odds of class 1, stands for the two logits 0 and z: the
    softmax of these is the sigmoid of z.

    Args:
        logits: `[batch, ..., classes]`, `[batch, ..., 1]` or `[batch]`.

    Returns:
        `[batch, ..., classes]`, with two classes for one logit.
    """
    if logits.shape.rank == 1:
        logits = logits[:, tf.newaxis]
    if logits.shape[-1] != 1:
        return logits
    return tf.concat([tf.zeros_like(logits), logits], axis=-1)


def binary(
    labels: tf.Tensor,
    logits: tf.Tensor,
    mask: tf.Tensor | None = None,
    *,
    smoothing: float = 0.0,
) -> tf.Tensor:
    """Computes the mean binary cross-entropy over the labels of each example.

    Args:
        labels: `[batch, labels]`, in [0, 1].
        logits: `[batch, labels]`.
        mask: `[batch, ...]`, the positions that count; all when None.
        smoothing: ε in [0, 1); the labels become (1 − ε) · label + ε / 2;
            default 0.

    Returns:
        `[batch]`, float32.
    """
    logits = tf.cast(logits, tf.float32)
    labels = tf.reshape(tf.cast(labels, tf.float32), tf.shape(logits))
    if smoothing:
        labels = (1 - smoothing) * labels + smoothing / 2
    values = tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)
    return example_mean(values, logits, mask)


def example_mean(
    values: tf.Tensor, outputs: tf.Tensor, mask: tf.Tensor | None = None
) -> tf.Tensor:
    """Computes the mean of each example's values.

    Args:
        values: `[batch, ...]`; or a scalar, which becomes the value of every
            example.
        outputs: `[batch, ...]`, which gives the number of examples.
        mask: `[batch]` or `[batch, positions]`, what counts, or weights; all
            when None.

    Returns:
        `[batch]`, in the dtype of `values`.
    """
    if values.shape.rank == 0:
        return tf.fill([tf.shape(outputs)[0]], values)
    if mask is not None and mask.shape.rank <= values.shape.rank:
        weights = tf.cast(masks.weights(mask), values.dtype)
        inner = values.shape.rank - mask.shape.rank
        shape = tf.concat([tf.shape(weights), [1] * inner], axis=0)
        values *= tf.reshape(weights, shape)
    if values.shape.rank == 1:
        return values
    return tf.reduce_mean(values, axis=tf.range(1, tf.rank(values)))


def soft(
    teacher_logits: tf.Tensor,
    student_logits: tf.Tensor,
    temperature: float,
    mask: tf.Tensor | None = None,
) -> tf.Tensor:
    """Computes the cross-entropy with the teacher's softened probabilities.

    CE(softmax(z_t/τ), z_s/τ), without the factor τ², which `kd` applies. It
    differs from the KL divergence by the entropy of the teacher's
    probabilities, a constant. No gradient flows to the teacher.

    Args:
        teacher_logits: z_t, `[batch, ..., classes]`. One logit stands for two
            classes (see `of_classes`).
        student_logits: z_s, the same shape.
        temperature: τ > 0, which divides both logits.
        mask: `[batch, ...]`, the examples or positions that count; all when
            None.

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
    z_t, z_s = map(of_classes, (teacher_logits, student_logits))
    targets = tf.nn.softmax(tf.cast(z_t, tf.float32) / temperature)
    values = tf.nn.softmax_cross_entropy_with_logits(
        tf.stop_gradient(targets), tf.cast(z_s, tf.float32) / temperature
    )
    return example_mean(values, student_logits, mask)


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
