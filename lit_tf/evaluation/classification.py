"""Accuracy of classifiers and paired differences between two of them."""

import collections
import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf.data import Split
from lit_tf.losses import distillation


def predictions(
    model: keras.Model, split: Split, *, batch_size: int = 256
) -> np.ndarray:
    """Computes the predicted class of each example.

    Args:
        model: a classifier, inputs → logits, or probabilities of all classes.
            One logit stands for two classes.
        split: the examples.
        batch_size: number of examples of a batch.

    Returns:
        Class numbers, `[examples]`.
    """
    predict = tf.function(
        lambda x: tf.argmax(
            distillation.of_classes(model(x, training=False)), axis=-1
        ),
        input_signature=[split.spec],
        # Keras does not convert its own functions either; it takes a second.
        autograph=False,
    )
    parts = [
        predict(split.read(i, i + batch_size)).numpy()
        for i in range(0, len(split), batch_size)
    ]
    return np.concatenate(parts)


def accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Returns the fraction of examples whose predicted class is correct."""
    return float(np.mean(predicted == labels))


def chance(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Returns the accuracy that the predictions would have by chance.

    It is expected if predictions and labels are independent, each with its own
    frequency of the classes, as in Cohen's kappa.

    Args:
        predicted: predicted classes, `[examples]`.
        labels: true classes, `[examples]`.
    """
    size = 1 + max(predicted.max(), labels.max())
    shares = (
        np.bincount(classes, minlength=size) / len(labels)
        for classes in (predicted, labels)
    )
    return float(np.prod(list(shares), axis=0).sum())


def judged(
    predicted: np.ndarray, labels: np.ndarray
) -> tuple[float, float | None]:
    """Returns the accuracy, and that of chance if it is no better; else None.

    With labels of one class every accuracy is that of chance: None.

    Args:
        predicted: predicted classes, `[examples]`.
        labels: true classes, `[examples]`.
    """
    found, expected = accuracy(predicted, labels), chance(predicted, labels)
    guesses = len(np.unique(labels)) > 1 and is_chance(
        found, expected, len(labels)
    )
    return found, expected if guesses else None


def is_chance(accuracy: float, chance: float, count: int) -> bool:
    """Returns whether an accuracy is certainly no better than chance.

    It must not be above chance in a one-sided test at 10 %, and three standard
    errors below that of a teacher that is right on a fifth of what chance
    leaves. A few examples therefore decide nothing.

    Args:
        accuracy: the measured accuracy, a fraction.
        chance: the accuracy by chance, a fraction.
        count: number of examples.
    """
    error = math.sqrt(chance * (1 - chance) / count)
    useful = chance + 0.2 * (1 - chance)
    return accuracy <= min(chance + 1.28 * error, useful - 3 * error)


def per_class(
    predicted: Mapping[str, np.ndarray],
    labels: np.ndarray,
    classes: Sequence[str],
) -> list[dict[str, Any]]:
    """Returns the accuracy of models on the examples of each class.

    Args:
        predicted: predicted classes of each model by role, `[examples]`.
        labels: true classes, `[examples]`.
        classes: names of the classes by label.

    Returns:
        For each class its name as `class`, its number of `examples`, and the
        accuracy of each role; None without examples.
    """
    count = len(classes)
    examples = np.bincount(labels, minlength=count)
    correct = {
        role: np.bincount(labels[found == labels], minlength=count)
        for role, found in predicted.items()
    }
    return [
        {"class": name, "examples": int(examples[label])}
        | {
            role: float(hits[label] / examples[label])
            if examples[label]
            else None
            for role, hits in correct.items()
        }
        for label, name in enumerate(classes)
    ]


def confused(
    predicted: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    *,
    most: int = 5,
) -> list[dict[str, Any]]:
    """Returns which classes a model confuses most.

    Args:
        predicted: predicted classes, `[examples]`.
        labels: true classes, `[examples]`.
        classes: names of the classes by label.
        most: number of pairs, at most.

    Returns:
        For each pair the name of the true `class`, that of the `predicted` one
        and the number of `examples`, the most frequent first.
    """
    wrong = predicted != labels
    pairs = collections.Counter(
        zip(labels[wrong].tolist(), predicted[wrong].tolist(), strict=True)
    )
    order = sorted(pairs, key=lambda pair: (-pairs[pair], pair))
    return [
        {
            "class": classes[label],
            "predicted": classes[answer],
            "examples": pairs[label, answer],
        }
        for label, answer in order[:most]
    ]


def class_numbers(y: Any) -> np.ndarray:
    """Returns the class number of each example, `[examples]`.

    Args:
        y: numbers, `[examples]` or `[examples, 1]`, or one-hot vectors.
    """
    y = np.asarray(y)
    if y.ndim > 1 and y.shape[-1] > 1:
        return y.argmax(axis=-1)
    return y.reshape(-1).astype(np.int64)  # Those of a sigmoid may be floats.


def paired_difference(
    teacher: np.ndarray, student: np.ndarray, labels: np.ndarray
) -> dict[str, Any]:
    """Compares the accuracies of two models on the same examples.

    The 95 % interval is the adjusted Wald interval for paired proportions
    (Bonett & Price, 2012). It adds one disagreement in each direction, so that
    the interval has a width even if the models never differ.

    Args:
        teacher: classes that the teacher predicts, `[examples]`.
        student: classes that the student predicts, `[examples]`.
        labels: true classes, `[examples]`.

    Returns:
        `agreement`, the fraction of examples with equal predictions;
        `difference`, student minus teacher accuracy; `low` and `high`, the ends
        of the interval of the difference.
    """
    teacher_correct, student_correct = teacher == labels, student == labels
    count = len(labels)
    gained = (np.sum(student_correct & ~teacher_correct) + 1) / (count + 2)
    lost = (np.sum(teacher_correct & ~student_correct) + 1) / (count + 2)
    spread = math.sqrt((gained + lost - (gained - lost) ** 2) / (count + 2))
    middle = gained - lost
    return {
        "agreement": float(np.mean(teacher == student)),
        "difference": float(
            np.mean(student_correct) - np.mean(teacher_correct)
        ),
        "low": float(max(-1.0, middle - 1.96 * spread)),
        "high": float(min(1.0, middle + 1.96 * spread)),
    }
