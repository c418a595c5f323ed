"""Teacher and student on the same batches: metrics and a paired interval."""

import math
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf.evaluation import classification
from lit_tf.losses import distillation
from lit_tf.methods import label_checks
from lit_tf.outputs import Classes, Outputs
from lit_tf.sections import structure


def compare(
    teacher: keras.Model,
    student: keras.Model,
    batches: Iterable[Any],
    outputs: Outputs,
) -> dict[str, Any]:
    """Compares a student with its teacher on labelled batches.

    Args:
        teacher: the teacher, inputs → logits or what `outputs` reads.
        student: the student, likewise.
        batches: (inputs, labels) or (inputs, labels, weights); of weights only
            those of positions count.
        outputs: the kind of output of both.

    Returns:
        `teacher` and `student`, the metrics of the kind and the mean `loss` of
        each; `examples`, their number; for classes `per_class` and
        `confused` (see `classification`); `difference`, student minus teacher,
        with `of`, `low` and `high`, the ends of a 95 % interval, paired by
        example: of the accuracy for classes, else of the loss, which has none
        if there is but one example. For a kind without labels only `distance`
        of the student, and `examples`.
    """
    models = {"teacher": teacher, "student": student}
    classes = of_classes(outputs, student)
    metrics = {role: outputs.metrics() for role in models}

    @tf.function(autograph=False, reduce_retracing=True)
    def run(x):
        return {k: model(x, training=False) for k, model in models.items()}

    values = {role: [] for role in models}  # Loss, or whether it is correct.
    predicted, labels, distances = {k: [] for k in models}, [], []
    for batch in batches:
        x, y, weights = keras.utils.unpack_x_y_sample_weight(batch)
        z = run(x)
        if not outputs.reads_labels:
            terms = outputs.terms(None, z["teacher"], z["student"])
            distances.append(terms["soft"].numpy())
            continue
        y = outputs.weigh_positions(y, weights)
        for role, output in z.items():
            output = outputs.plain(output)
            for metric in metrics[role]:
                metric.update_state(y, output)
            values[role].append(outputs.hard(y, output).numpy())
            if classes:
                logits = distillation.of_classes(output)
                predicted[role].append(np.argmax(logits, axis=-1))
        if classes:
            labels.append(classification.class_numbers(y))
    if not outputs.reads_labels:
        distance = np.concatenate(distances)
        return {
            "teacher": {},
            "student": {"distance": float(distance.mean())},
            "examples": len(distance),
        }
    loss = {role: np.concatenate(each) for role, each in values.items()}
    if classes:
        labels = np.concatenate(labels)
        known = _known(outputs, labels)
        loss = {role: each[known] for role, each in loss.items()}
    results = {
        role: {m.name: float(m.result()) for m in metrics[role]}
        | {"loss": float(loss[role].mean())}
        for role in models
    }
    results["examples"] = len(loss["student"])
    if classes:
        found = {
            role: np.concatenate(predicted[role])[known] for role in models
        }
        results |= _of_classes(found, labels[known], student)
    else:
        results["difference"] = {
            "of": "loss",
            **_mean_difference(loss["student"] - loss["teacher"]),
        }
    return results


def of_classes(outputs: Outputs, model: keras.Model) -> bool:
    """Returns whether a model tells exclusive classes of an example apart."""
    flat = keras.tree.flatten(structure.outputs_of(model))
    return type(outputs) is Classes and [len(z.shape) for z in flat] == [2]


def class_count(model: keras.Model) -> int:
    """Returns the number of classes of a classifier. One logit stands for 2."""
    (logits,) = keras.tree.flatten(structure.outputs_of(model))
    return max(2, logits.shape[-1])


def predictions(
    model: keras.Model, batches: Iterable[Any], outputs: Classes
) -> tuple[np.ndarray, np.ndarray]:
    """Computes predicted and true class numbers of labelled batches.

    Args:
        model: a classifier, inputs → logits.
        batches: (inputs, labels) or (inputs, labels, weights).
        outputs: the kind of its output.

    Returns:
        Both, `[examples]`, of the examples that have a class.

    Raises:
        SettingsError: if labels are no classes of the model.
    """
    predict = tf.function(
        lambda x: tf.argmax(
            distillation.of_classes(*tf.nest.flatten(model(x, training=False))),
            axis=-1,
        ),
        autograph=False,
        reduce_retracing=True,
    )
    predicted, labels = [], []
    for batch in batches:
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        y = outputs.plain(y)
        label_checks.check(outputs, model, y)
        predicted.append(predict(x).numpy())
        labels.append(classification.class_numbers(y))
    labels = np.concatenate(labels)
    known = _known(outputs, labels)
    return np.concatenate(predicted)[known], labels[known]


def _known(outputs, labels):
    """Returns which examples have a class, `[examples]`."""
    if outputs.ignored is None:
        return np.ones(len(labels), bool)
    return labels != outputs.ignored


def _of_classes(predicted, labels, model):
    """Returns what differs between two models that predict classes."""
    names = [str(number) for number in range(class_count(model))]
    difference = classification.paired_difference(
        predicted["teacher"], predicted["student"], labels
    )
    return {
        "difference": {"of": "accuracy", **difference},
        "per_class": classification.per_class(predicted, labels, names),
        "confused": classification.confused(
            predicted["student"], labels, names
        ),
    }


def _mean_difference(differences):
    mean = float(differences.mean())
    if len(differences) < 2:
        return {"difference": mean, "low": None, "high": None}
    error = float(differences.std(ddof=1)) / math.sqrt(len(differences))
    return {
        "difference": mean,
        "low": mean - 1.96 * error,
        "high": mean + 1.96 * error,
    }
