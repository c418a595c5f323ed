"""Accuracy of the frozen teacher, checked before the student is trained."""

from collections.abc import Mapping

import keras
import numpy as np

from lit_tf import data, errors
from lit_tf.evaluation import classification
from lit_tf.experiment.context import Run
from lit_tf.experiment.tasks import TASKS
from lit_tf.methods import stages
from lit_tf.utils import text_format

# The settings that say which examples validate. A saved model carries them.
SPLIT_SETTINGS = ("dataset", "validation_fraction", "split_seed")


def measure_accuracy(
    pair: stages.Pair,
    split: data.Split,
    dataset: data.Dataset,
    auxiliary_models: Mapping[str, keras.Model],
    *,
    where: str,
    note: str = "",
) -> float | None:
    """Returns a frozen teacher's accuracy on a split, and prints it.

    It is None if the data have no labels.

    If `min_teacher_accuracy` is not set, a teacher from elsewhere must be
    better than chance.

    Args:
        pair: teacher and student.
        split: the examples.
        dataset: the dataset.
        auxiliary_models: the models that belong to the teacher.
        where: the split in words, such as "validation examples".
        note: a sentence to print after the accuracy; "" for none.

    Raises:
        SettingsError: if the accuracy is not better than chance.
    """
    task = TASKS[dataset.task]
    accuracy = task.teacher_accuracy(
        pair.frozen, split, dataset, auxiliary_models
    )
    if accuracy is None:
        return None
    value, chance = accuracy
    line = f"teacher   {value:.2%}{task.accuracy_of} on {where}"
    print(f"{line}. {note}" if note else line, flush=True)
    settings = pair.settings
    checked = settings.teacher_weights and settings.min_teacher_accuracy < 0
    if checked and chance is not None:
        raise errors.SettingsError(
            f"The teacher must be better than chance on {where}. Received: an "
            f"accuracy of {value:.2%}, where chance gives {chance:.2%}. Check "
            "that its classes have the order "
            f"{text_format.listed(dataset.classes)}; that its inputs have the "
            "scale of the data (raw pixels are 0 to 255); and that its weights "
            "are trained. With --min_teacher_accuracy=0 it is used as it is."
        )
    return value


def check_classes(
    predicted: np.ndarray, labels: np.ndarray, *, least: float
) -> float:
    """Returns a teacher's accuracy, and prints it.

    Args:
        predicted: predicted class numbers, `[examples]`.
        labels: true class numbers, `[examples]`.
        least: the least accuracy allowed; below 0, better than chance.

    Raises:
        SettingsError: if the accuracy is too low.
    """
    value = classification.accuracy(predicted, labels)
    print(f"teacher   {value:.2%} on {len(labels):,} examples", flush=True)
    if least >= 0:
        errors.require(
            value >= least,
            "The model must reach `min_teacher_accuracy`="
            f"{least} on {len(labels):,} examples.",
            accuracy=value,
        )
        return value
    chance = classification.chance(predicted, labels)
    if len(np.unique(labels)) > 1 and classification.is_chance(
        value, chance, len(labels)
    ):
        raise errors.SettingsError(
            f"The model must be better than chance on {len(labels):,} "
            f"examples. Received: an accuracy of {value:.2%}, where chance "
            f"gives {chance:.2%}. Check that the labels number the classes as "
            "the model does, that the inputs have the scale that it was "
            "trained on, and that its weights are trained, long enough for "
            "the moving statistics of BatchNorm. With min_teacher_accuracy=0 "
            "it is used as it is."
        )
    return value


def check_teacher(
    run: Run,
    pair: stages.Pair,
    auxiliary_models: Mapping[str, keras.Model],
) -> tuple[float | None, str]:
    """Measures the frozen teacher's accuracy before the student is trained.

    Returns:
        Its accuracy on validation, None without a split or without labels; and
        a note on whether the teacher may have seen the validation examples.

    Raises:
        SettingsError: if the accuracy is below `min_teacher_accuracy`, or
            not better than chance.
    """
    dataset = run.dataset
    split, where = dataset.validation, "validation examples"
    note = "The teacher was not trained on the validation examples."
    if split is None:
        split = dataset.train.take(np.arange(min(2000, len(dataset.train))))
        where = f"the first {len(split):,} training examples"
        note = (
            "There is no validation split: only the last student is reported."
        )
    elif pair.teacher.facts.get("data") != dataset.fingerprint:
        note = (
            "The teacher's training may have seen the validation examples "
            f"({_split_of(pair.teacher)})."
        )
    accuracy = measure_accuracy(
        pair, split, dataset, auxiliary_models, where=where, note=note
    )
    if accuracy is None:
        return None, note if dataset.validation is None else ""
    least = run.settings.min_teacher_accuracy
    if accuracy < least:
        raise errors.SettingsError(
            f"The teacher must reach --min_teacher_accuracy={least} on "
            f"{where}. Received: {accuracy:.4f}."
        )
    return (None if dataset.validation is None else accuracy), note


def _split_of(teacher):
    known = [
        f"--{n}={teacher.facts[n]}"
        for n in SPLIT_SETTINGS
        if n in teacher.facts
    ]
    if not known:
        return "how its data were split is unknown"
    return f"its own split was {' '.join(known)}"
