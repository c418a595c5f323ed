"""Accuracy of classifiers and paired differences between two of them."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf.data import Split


def predictions(
    model: keras.Model, split: Split, *, batch_size: int = 256
) -> np.ndarray:
    """Returns the class that a model gives each example, `[examples]`."""
    form = tf.TensorSpec([None, *split.inputs.shape[1:]], split.inputs.dtype)
    answer = tf.function(
        lambda x: tf.argmax(model(x, training=False), axis=-1),
        input_signature=[form],
    )
    parts = [
        answer(tf.constant(split.inputs[i : i + batch_size])).numpy()
        for i in range(0, len(split), batch_size)
    ]
    return np.concatenate(parts)


def accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Returns the fraction of examples whose class is right."""
    return float(np.mean(predicted == labels))


def paired_difference(
    teacher: np.ndarray, student: np.ndarray, labels: np.ndarray
) -> dict[str, Any]:
    """Compares two models on the same examples.

    The 95 % interval is the adjusted Wald interval for paired proportions
    (Bonett & Price, 2012): half an imagined disagreement more each way, twice,
    so that it does not vanish when the two never differ.

    Args:
        teacher: `[examples]`, predicted classes.
        student: the same.
        labels: `[examples]`.

    Returns:
        `agreement`, the fraction of examples on which both say the same class,
        and `difference`, student − teacher accuracy, with `low` and `high`.
    """
    right_teacher, right_student = teacher == labels, student == labels
    count = len(labels)
    gained = (np.sum(right_student & ~right_teacher) + 1) / (count + 2)
    lost = (np.sum(right_teacher & ~right_student) + 1) / (count + 2)
    spread = math.sqrt((gained + lost - (gained - lost) ** 2) / (count + 2))
    middle = gained - lost
    return {
        "agreement": float(np.mean(teacher == student)),
        "difference": float(np.mean(right_student) - np.mean(right_teacher)),
        "low": float(max(-1.0, middle - 1.96 * spread)),
        "high": float(min(1.0, middle + 1.96 * spread)),
    }
