"""Published accuracies are found by dataset and student."""

import pytest

from lit_tf.comparison import published_results


@pytest.mark.parametrize(
    ("dataset", "student", "lit", "scratch"),
    [
        ("cifar10", "resnet20", 93.25, 91.73),
        ("cifar100", "resnext110", 79.11, 76.53),
        ("amazon_full", "vdcnn9", 62.69, 62.25),
        ("amazon_polarity", "vdcnn29", 96.09, 95.92),
    ],
)
def test_a_students_published_accuracies_are_found(
    dataset, student, lit, scratch
):
    found = published_results.of(dataset, student)
    assert list(found) == ["scratch", "KD", "hint", "LIT"]
    assert (found["LIT"], found["scratch"]) == (lit, scratch)


@pytest.mark.parametrize(
    ("dataset", "student"),
    [
        ("digits", "resnet20"),
        ("cifar10", "resnet8"),
        ("cifar10", "vdcnn9"),
        ("cifar10", "resnet56_slim"),
        ("cifar10", "resnet"),
    ],
)
def test_other_pairs_have_no_published_accuracies(dataset, student):
    assert published_results.of(dataset, student) == {}
