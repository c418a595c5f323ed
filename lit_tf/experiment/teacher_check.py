"""Accuracy of the frozen teacher, checked before the student is trained."""

import math
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
# Validation examples on which a teacher is checked before training. The others
# are read for the report.
_SAMPLE = 1000


def measure_accuracy(
    pair: stages.Pair,
    split: data.Split,
    dataset: data.Dataset,
    auxiliary_models: Mapping[str, keras.Model],
    *,
    where: str,
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

    Raises:
        SettingsError: if the accuracy is not better than chance.
    """
    found = TASKS[dataset.task].teacher_accuracy(
        pair.frozen, split, dataset, auxiliary_models
    )
    if found is None:
        return None
    return _accepted(found, pair, dataset, where=where)


def _accepted(found, pair, dataset, *, where, note=""):
    """Prints an accuracy that was measured, and returns it."""
    task = TASKS[dataset.task]
    value, chance = found
    line = f"teacher   {value:.2%}{task.accuracy_of} on {where}"
    print(f"{line}. {note}" if note else line, flush=True)
    if _beats_chance(pair.settings) and chance is not None:
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
    value, chance = classification.judged(predicted, labels)
    print(f"teacher   {value:.2%} on {len(labels):,} examples", flush=True)
    if least >= 0:
        errors.require(
            value >= least,
            "The model must reach `min_teacher_accuracy`="
            f"{least} on {len(labels):,} examples.",
            accuracy=value,
        )
        return value
    if chance is not None:
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

    Of a large validation split of classes a thousand examples are read, unless
    they leave in doubt whether the teacher is accepted. `complete_accuracy`
    reads all.

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
    least = run.settings.min_teacher_accuracy

    def measured(split):
        return run.task.teacher_accuracy(
            pair.frozen, split, dataset, auxiliary_models
        )

    sample = split if dataset.validation is None else _sample(dataset)
    found = measured(sample)
    if found is None:
        return None, note if dataset.validation is None else ""
    said = note
    if sample is not split:
        if _decides(found, len(sample), run.settings):
            where = f"{len(sample):,} of the {len(split):,} {where}"
            said = f"The others follow with the report. {note}"
        else:
            found = measured(split)
    accuracy = _accepted(found, pair, dataset, where=where, note=said)
    if accuracy < least:
        raise errors.SettingsError(
            f"The teacher must reach --min_teacher_accuracy={least} on "
            f"{where}. Received: {accuracy:.4f}."
        )
    return (None if dataset.validation is None else accuracy), note


def complete_accuracy(
    run: Run,
    pair: stages.Pair,
    auxiliary_models: Mapping[str, keras.Model],
    accuracy: float | None,
) -> float | None:
    """Returns a teacher's accuracy on all validation examples.

    Args:
        run: the run.
        pair: teacher and student.
        auxiliary_models: the models that belong to the teacher.
        accuracy: what `check_teacher` returned.
    """
    split = run.dataset.validation
    if accuracy is None or _sample(run.dataset) is split:
        return accuracy
    value, _ = run.task.teacher_accuracy(
        pair.frozen, split, run.dataset, auxiliary_models
    )
    print(
        f"teacher   {value:.2%} on all {len(split):,} validation examples",
        flush=True,
    )
    return value


def _sample(dataset):
    """Returns some of the validation examples, evenly spaced.

    Of a split that is not large, and of generators, which have few examples for
    this already, all are returned.
    """
    split = dataset.validation
    if dataset.task != "classes" or len(split) <= 2 * _SAMPLE:
        return split
    places = np.linspace(0, len(split) - 1, _SAMPLE).astype(int)
    return split.take(places)


def _decides(found, count, settings):
    """Returns whether an accuracy on so many examples accepts a teacher."""
    value, chance = found
    error = math.sqrt(value * (1 - value) / count)
    good = chance is None or not _beats_chance(settings)
    return good and value - 3 * error >= settings.min_teacher_accuracy


def _beats_chance(settings):
    """Returns whether the teacher must be better than chance."""
    return bool(settings.teacher_weights) and settings.min_teacher_accuracy < 0


def _split_of(teacher):
    known = [
        f"--{n}={teacher.facts[n]}"
        for n in SPLIT_SETTINGS
        if n in teacher.facts
    ]
    if not known:
        return "how its data were split is unknown"
    return f"its own split was {' '.join(known)}"
