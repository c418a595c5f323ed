"""The best student is that of all phases that trained the same model."""

import types

import pytest

from lit_tf.experiment import results
from lit_tf.training import fit


def outcome(model, name, score, last=0.1):
    """Returns a stage and its outcome, with the best score on validation."""
    stage = types.SimpleNamespace(
        name=name, trainer=types.SimpleNamespace(student=model)
    )
    last, best = (
        None
        if value is None
        else fit.Student(variables=[], epoch=1, validation_accuracy=value)
        for value in (last, score)
    )
    return stage, fit.Outcome(
        last=last, best=best, seconds=0.0, steps=1, stopped=False
    )


@pytest.mark.parametrize(
    ("scores", "phase"),
    [
        ((0.9, 0.8), "lit"),
        ((0.8, 0.9), "fine_tune"),
        ((0.9, 0.9), "fine_tune"),  # Of equal ones the later.
        # A phase of no epoch has no best one.
        ((None, 0.1), "fine_tune"),
        ((0.1, None), "lit"),
    ],
)
def test_the_best_student_is_that_of_all_phases(scores, phase):
    model = object()
    lit, fine_tune = scores
    best = results.best_of(
        [outcome(model, "lit", lit), outcome(model, "fine_tune", fine_tune)]
    )
    assert (best.phase, best.model) == (phase, model)


def test_stages_of_another_model_do_not_count():
    model = object()
    best = results.best_of(
        [outcome(object(), "lit", 0.9), outcome(model, "fine_tune", 0.1)]
    )
    assert best.phase == "fine_tune"


def test_without_validation_it_is_the_last_student():
    model = object()
    best = results.best_of(
        [outcome(model, "lit", None), outcome(model, "fine_tune", None)]
    )
    assert (best.phase, best.student.validation_accuracy) == ("fine_tune", 0.1)
