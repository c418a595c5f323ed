"""Checks that labels are class numbers, and says what to do if they are not."""

import numpy as np

from lit_tf import errors

_LARGEST = 1_000_000  # A model has an output for each number up to it.


def check(labels: np.ndarray, *, name: str) -> np.ndarray:
    """Returns labels as class numbers, int32.

    Args:
        labels: `[examples]` or `[examples, 1]`.
        name: the name of the labels in messages, as in "y_train of my.npz".

    Raises:
        DataError: if labels are not class numbers from 0. The message says
            what they may be instead, and what to do.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    received = _otherwise(labels)
    if received:
        raise errors.DataError(
            f"{name} must be whole numbers from 0, the numbers of classes, "
            f"[examples]. Received: {received}"
        )
    return labels.astype(np.int32)


def check_count(largest: int, examples: int, *, name: str) -> None:
    """Checks that labels are not whole numbers that count something else.

    Args:
        largest: the largest label.
        examples: the number of examples of all splits.
        name: the name of the labels in messages.

    Raises:
        DataError: if there are more class numbers than examples.
    """
    if largest >= max(examples, 2):
        raise errors.DataError(
            f"{name} must be the numbers of classes, from 0 without gaps. "
            f"Received: labels up to {largest:,} of {examples:,} examples. "
            f"Number the classes from 0. {_VALUES}"
        )


_VALUES = (
    "To predict values (regression), use Python: lit_tf.LIT(…, "
    "outputs=lit_tf.outputs.Values())."
)
_SEVERAL = (
    "For several classes of one example (multi-hot), use Python: "
    "lit_tf.LIT(…, outputs=lit_tf.outputs.Labels())."
)
_OTHER = "For other kinds of labels use Python: lit_tf.LIT(…, outputs=…)."


def _otherwise(labels):
    """Returns what labels are that are not class numbers, and what to do."""
    form = f"{labels.dtype} {list(labels.shape)}"
    if not labels.size:
        return f"{form}, no labels."
    if labels.dtype.kind not in "iufb":
        return f"{form}. {_OTHER}"
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        return f"{form} with nan or inf."
    whole = labels.dtype.kind in "iub" or (labels == np.round(labels)).all()
    if labels.ndim == 2 and whole and labels.min() >= 0 and labels.max() <= 1:
        if (labels.sum(axis=1) == 1).all():
            return (
                f"{form}, one-hot. Store the class numbers: y.argmax(axis=1)."
            )
        return f"{form}, several ones in a row. {_SEVERAL}"
    if labels.ndim != 1:
        return f"{form}. {_OTHER}"
    if not whole:
        return f"{form}, such as {labels[0]:g}. {_VALUES}"
    if labels.min() < 0:
        return (
            f"the negative label {labels.min():g}. Number the classes from 0, "
            "and leave out examples without a class."
        )
    if labels.dtype.kind != "i" and labels.dtype.kind != "u":
        return f"{form}. Store whole numbers: y.astype(int)."
    if labels.max() > _LARGEST:
        return f"the label {labels.max():,}. {_VALUES}"
    return ""
