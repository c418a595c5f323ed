"""`Hint`: the first stage of FitNets."""

import keras
import numpy as np
import pytest
import slow

from lit_tf.losses import penalties
from lit_tf.methods import fitnets


def compiled(teacher, student, **settings):
    trainer = fitnets.Hint(teacher, student, **settings)
    trainer.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    return trainer


@pytest.mark.parametrize(
    "penalty", slow.all_but(["l2_normalized"], sorted(penalties.PENALTIES))
)
def test_the_guided_section_is_compared_on_the_students_own_stream(
    build, batch, penalty
):
    teacher, student = build("resnet14", seed=1), build(seed=2)
    teacher(batch(8)[0], training=True)
    trainer = fitnets.Hint(teacher, student, penalty=penalty)
    x, y = batch(4)
    terms, logits = trainer.terms(x, y, training=False)
    theirs, ours = teacher.stem(x), student.stem(x)
    for k in (0, 1):  # Section 2 of 3 is the guided one.
        theirs = teacher.sections[k](theirs)
        ours = student.sections[k](ours)
    expected = penalties.get(penalty)(theirs, ours)
    np.testing.assert_allclose(terms["hint"], expected, rtol=1e-4)
    np.testing.assert_array_equal(terms["total"], terms["hint"])
    np.testing.assert_allclose(
        logits, student(x, training=False), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("copy_ends", slow.all_but([True], [True, False]))
def test_parts_after_the_guided_section_are_not_trained(
    build, batch, copy_ends
):
    teacher, student = build("resnet14", seed=1), build(seed=2)
    trainer = compiled(teacher, student, copy_ends=copy_ends)
    parts = (student.stem, *student.sections, student.head)
    before = [[v.numpy() for v in part.variables] for part in parts]
    trainer.train_on_batch(*batch(8))
    moved = [
        any(
            np.any(a != v.numpy())
            for a, v in zip(old, part.variables, strict=True)
        )
        for old, part in zip(before, parts, strict=True)
    ]
    assert moved == [not copy_ends, True, True, False, False]


def test_the_ends_are_the_teachers_if_they_are_copied(build):
    teacher, student = build("resnet14", seed=1), build(seed=2)
    fitnets.Hint(teacher, student, copy_ends=False)
    kernel = teacher.stem.get_weights()[0]
    assert np.any(student.stem.get_weights()[0] != kernel)
    fitnets.Hint(teacher, student)
    np.testing.assert_array_equal(student.stem.get_weights()[0], kernel)
    np.testing.assert_array_equal(
        student.head.get_weights()[0], teacher.head.get_weights()[0]
    )
