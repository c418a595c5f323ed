"""The check of a teacher before training reads a part of a large split."""

import types

import numpy as np
import pytest

from lit_tf import config, data, errors
from lit_tf.evaluation import classification
from lit_tf.experiment import teacher_check
from lit_tf.experiment.tasks.task import TeacherAccuracy

LABELS = np.repeat(np.arange(10), 500)


class Task:
    """Measures a teacher that errs at random; counts what it reads."""

    def __init__(self, right):
        random = np.random.default_rng(0)
        guesses = random.integers(0, 10, len(LABELS))
        hits = random.uniform(size=len(LABELS)) < right
        self._predicted = np.where(hits, LABELS, guesses)
        self.read = []

    def teacher_accuracy(self, frozen, split, dataset, auxiliary_models):
        self.read.append(len(split))
        places = split.inputs.astype(int)
        predicted, labels = self._predicted[places], LABELS[places]
        value = classification.accuracy(predicted, labels)
        chance = classification.chance(predicted, labels)
        guesses = classification.is_chance(value, chance, len(labels))
        return TeacherAccuracy(value, chance if guesses else None)


def check(right, count=5000, **settings):
    """Returns the task, the accuracy, and that for the report."""
    places = np.arange(count, dtype="float32")
    dataset = types.SimpleNamespace(
        task="classes",
        validation=data.Split(places, LABELS[:count]),
        fingerprint="",
        classes=tuple("0123456789"),
    )
    task = Task(right)
    settings = config.Compress(teacher_weights="t.keras", **settings)
    run = types.SimpleNamespace(dataset=dataset, task=task, settings=settings)
    teacher = types.SimpleNamespace(facts={"data": ""})
    pair = types.SimpleNamespace(
        frozen=None, teacher=teacher, settings=settings
    )
    accuracy, note = teacher_check.check_teacher(run, pair, {})
    assert note == "The teacher was not trained on the validation examples."
    return (
        task,
        accuracy,
        teacher_check.complete_accuracy(run, pair, {}, accuracy),
    )


@pytest.mark.parametrize("least", [-1.0, 0.8])
def test_a_thousand_examples_accept_a_teacher_and_all_are_reported(
    least, capsys
):
    task, first, whole = check(0.9, min_teacher_accuracy=least)
    assert task.read == [1000, 5000]
    assert first == pytest.approx(0.91, abs=0.03) and first != whole
    assert capsys.readouterr().out == (
        f"teacher   {first:.2%} on 1,000 of the 5,000 validation examples. The "
        "others follow with the report. The teacher was not trained on the "
        "validation examples.\n"
        f"teacher   {whole:.2%} on all 5,000 validation examples\n"
    )


def test_all_are_read_if_a_thousand_leave_the_answer_open():
    task, first, whole = check(0.9, min_teacher_accuracy=0.905)
    assert task.read[:2] == [1000, 5000] and first == whole


def test_a_thousand_examples_accept_any_teacher_if_any_is_accepted():
    task, _, _ = check(0.0, min_teacher_accuracy=0.0)
    assert task.read == [1000, 5000]


def test_a_small_split_is_read_once():
    task, first, whole = check(0.9, count=2000)
    assert task.read == [2000] and first == whole


def test_a_teacher_at_chance_is_refused_after_all_were_read():
    with pytest.raises(errors.SettingsError, match="better than chance"):
        check(0.0)
