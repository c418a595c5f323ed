"""Accuracy and paired difference, compared with values by hand."""

import numpy as np
import pytest

from lit_tf.data import Split
from lit_tf.evaluation import classification


def test_predictions_do_not_depend_on_the_batch_size(build, batch):
    images, labels = batch(7)
    split, resnet = Split(images.astype(np.uint8), labels), build()
    predicted = classification.predictions(resnet, split, batch_size=3)
    expected = np.argmax(resnet(images, training=False), axis=1)
    np.testing.assert_array_equal(predicted, expected)


def test_accuracy_is_the_fraction_of_correct_predictions():
    predicted, labels = np.array([0, 1, 2, 2]), np.array([0, 1, 2, 0])
    assert classification.accuracy(predicted, labels) == 0.75


def test_classes_are_counted_one_by_one():
    labels = np.array([0, 0, 0, 2, 2, 3])
    student = np.array([0, 2, 2, 0, 2, 0])
    classes = ("a", "b", "c", "d")
    found = classification.per_class(
        {"teacher": labels, "student": student}, labels, classes
    )
    assert found == [
        {"class": "a", "examples": 3, "teacher": 1, "student": 1 / 3},
        {"class": "b", "examples": 0, "teacher": None, "student": None},
        {"class": "c", "examples": 2, "teacher": 1, "student": 0.5},
        {"class": "d", "examples": 1, "teacher": 1, "student": 0},
    ]
    pairs = classification.confused(student, labels, classes, most=2)
    assert pairs == [
        {"class": "a", "predicted": "c", "examples": 2},
        {"class": "c", "predicted": "a", "examples": 1},
    ]


def test_a_paired_difference_equals_the_one_computed_by_hand():
    # Of 100 examples both classify 80 correctly, only the student 10 and only
    # the teacher 4. Of the other 6, 2 have the same wrong class.
    labels = np.zeros(100, int)
    teacher = np.repeat([0, 1, 0, 1, 1], [80, 10, 4, 2, 4])
    student = np.repeat([0, 0, 1, 1, 2], [80, 10, 4, 2, 4])
    compared = classification.paired_difference(teacher, student, labels)
    gained, lost = 11 / 102, 5 / 102
    spread = np.sqrt((gained + lost - (gained - lost) ** 2) / 102)
    assert compared["agreement"] == pytest.approx(0.82)
    assert compared["difference"] == pytest.approx(0.06)
    assert compared["low"] == pytest.approx(gained - lost - 1.96 * spread)
    assert compared["high"] == pytest.approx(gained - lost + 1.96 * spread)
    assert compared["low"] < compared["difference"] < compared["high"]


def test_a_worse_student_has_a_negative_difference():
    labels = np.zeros(50, int)
    worse = np.repeat([0, 1], [40, 10])
    one = classification.paired_difference(labels, worse, labels)
    other = classification.paired_difference(worse, labels, labels)
    assert one["difference"] == pytest.approx(-0.2) == -other["difference"]
    assert one["low"] == pytest.approx(-other["high"])
    assert one["high"] < 0 < other["low"]


@pytest.mark.parametrize("examples", [1, 100])
def test_the_interval_is_not_empty_if_two_models_always_agree(examples):
    labels = np.zeros(examples, int)
    compared = classification.paired_difference(labels, labels, labels)
    assert compared["agreement"] == 1.0
    assert compared["difference"] == 0.0
    assert -1 <= compared["low"] == -compared["high"] < -1 / (examples + 2)


def test_chance_is_the_accuracy_of_independent_predictions():
    random = np.random.default_rng(0)
    predicted = random.choice(3, 100_000, p=[0.7, 0.2, 0.1])
    labels = random.choice(3, 100_000, p=[0.5, 0.5, 0.0])
    chance = classification.chance(predicted, labels)
    assert chance == pytest.approx(0.45, abs=0.005)
    measured = classification.accuracy(predicted, labels)
    assert measured == pytest.approx(chance, abs=0.01)


@pytest.mark.parametrize(
    ("accuracy", "chance", "count", "expected"),
    [
        (0.0929, 0.1, 360, True),  # Other classes, or inputs of another scale.
        (0.01, 0.1, 360, True),
        (0.5, 0.5, 360, True),
        (0.15, 0.1, 360, False),  # Weak but real.
        (0.55, 0.5, 360, False),
        (0.1, 0.1, 20, False),  # Too few examples to decide.
        (0.0, 0.5, 4, False),
        (0.004, 0.001, 1000, False),
        (0.001, 0.001, 1000, True),
    ],
)
def test_only_a_teacher_that_certainly_guesses_is_at_chance(
    accuracy, chance, count, expected
):
    assert classification.is_chance(accuracy, chance, count) == expected
