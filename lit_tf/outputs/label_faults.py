"""Faults of labels: values that a kind of output cannot be trained on."""

from typing import NamedTuple

import tensorflow as tf

_VALUES = "For numbers (regression) pass `outputs=lit_tf.outputs.Values()`."
_LABELS = (
    "For several labels of one example pass `outputs=lit_tf.outputs.Labels()`."
)
_IGNORED = (
    "To leave out what has no label, pass loss=keras.losses."
    "SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)."
)


class Fault(NamedTuple):
    """A reason to refuse labels.

    Args:
        present: whether some labels have the fault, a boolean scalar.
        received: the first such label.
        sentence: what labels must be, and what to do otherwise.
    """

    present: tf.Tensor
    received: tf.Tensor
    sentence: str


def of_class_numbers(
    labels: tf.Tensor, logits: int, ignored: int | None = None
) -> list[Fault]:
    """Returns the faults of class numbers.

    Args:
        labels: class numbers, of any shape and dtype.
        logits: the number of logits: of classes, or 1 for two classes.
        ignored: the label of what has no class; None for none.
    """
    classes = max(2, logits)
    required = f"Labels must be class numbers, 0 to {classes - 1}."
    negative = f"{required} {_IGNORED}"
    if logits == 1:
        required = negative = (
            "Labels of two classes (one logit) must be 0 or 1."
        )
    numbers = tf.cast(labels, tf.float64)
    outside = ~((numbers >= 0) & (numbers < classes))
    if ignored is not None:
        outside &= numbers != ignored
    if not labels.dtype.is_floating:
        return [
            _fault(labels, outside & (numbers < 0), negative),
            _fault(labels, outside, required),
        ]
    whole = numbers == tf.round(numbers)
    return [
        _fault(labels, ~whole, f"{required} {_VALUES}"),
        _fault(labels, outside & (numbers == -1), negative),
        _fault(labels, outside, f"{required} {_VALUES}"),
    ]


def of_one_hot(labels: tf.Tensor) -> list[Fault]:
    """Returns the faults of one-hot labels, or probabilities of classes.

    A row of zeros, an example without a label, is none.

    Args:
        labels: `[batch, ..., classes]`.
    """
    numbers = tf.cast(labels, tf.float64)
    required = "Labels must be class numbers, or one-hot with a sum of 1."
    outside = ~(tf.reduce_all((numbers >= 0) & (numbers <= 1), axis=-1))
    total = tf.reduce_sum(numbers, axis=-1)
    # Probabilities in half precision add up to 1 within a few thousandths.
    several = (tf.abs(total - 1) > 0.02) & (total != 0)
    return [
        _fault(labels, outside, f"{required} {_VALUES}"),
        _fault(labels, several, f"{required} {_LABELS}"),
    ]


def of_independent(labels: tf.Tensor) -> list[Fault]:
    """Returns the faults of independent labels, `[batch, ..., labels]`."""
    numbers = tf.cast(labels, tf.float64)
    required = (
        "Independent labels must be 0 or 1, or between. For class numbers pass "
        "`outputs=lit_tf.outputs.Classes()`; for numbers (regression) "
        "`outputs=lit_tf.outputs.Values()`."
    )
    outside = ~((numbers >= 0) & (numbers <= 1))
    return [_fault(labels, outside, required)]


def of_numbers(labels: tf.Tensor) -> list[Fault]:
    """Returns the faults of the labels of regression, of any shape."""
    if not labels.dtype.is_floating:
        return []
    finite = tf.math.is_finite(labels)
    return [_fault(labels, ~finite, "Labels must be finite numbers.")]


def _fault(labels, faulty, sentence):
    """Returns a fault; `faulty` has the shape of the labels, or of rows."""
    flat = tf.reshape(faulty, [-1])
    shape = tf.concat([[-1], labels.shape[faulty.shape.rank :]], axis=0)
    first = tf.gather(tf.reshape(labels, shape), tf.where(flat)[:1, 0])
    return Fault(tf.reduce_any(flat), first, sentence)
