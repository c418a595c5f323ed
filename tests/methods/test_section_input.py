"""Variants of `LIT`: inputs of sections, own ends, a β that falls."""

import keras
import numpy as np
import pytest
import slow
import tensorflow as tf

from lit_tf import errors
from lit_tf.losses import penalties
from lit_tf.methods import lit
from lit_tf.sections.sectioned_model import SectionedModel


def compiled(teacher, student, rate=0.1, **settings):
    trainer = lit.LIT(teacher, student, **settings)
    trainer.compile(keras.optimizers.SGD(rate), run_eagerly=True)
    return trainer


def streams(teacher, student, x, ends=True):
    """Returns T_1 … T_K, and the student's own S_1 … S_K, by hand."""
    theirs = teacher.stem(x)
    ours = theirs if ends else student.stem(x)
    T, S = [], []
    for target, section in zip(teacher.sections, student.sections, strict=True):
        theirs, ours = target(theirs), section(ours)
        T.append(theirs)
        S.append(ours)
    return T, S


def test_student_input_has_penalties_on_the_students_own_stream(dense, vectors):
    teacher, student = dense(1), dense(2)
    trainer = lit.LIT(teacher, student, section_input="student")
    x, y = vectors()
    terms, _ = trainer.terms(x, y, training=True)
    T, S = streams(teacher, student, x)
    expected = [penalties.l2(t, s) for t, s in zip(T, S, strict=True)]
    for k, value in enumerate(expected, 1):
        name = lit.penalty_name(k, "student_fed")
        np.testing.assert_allclose(terms[name], value, rtol=1e-6)
    np.testing.assert_allclose(terms["ir"], sum(expected), rtol=1e-6)
    assert lit.penalty_name(1) not in terms


def test_student_input_lets_a_penalty_reach_an_earlier_section(dense, vectors):
    def reached(section_input):
        trainer = lit.LIT(dense(1), dense(2), section_input=section_input)
        name = lit.penalty_name(2, f"{section_input}_fed")
        with tf.GradientTape() as tape:
            value = trainer.terms(*vectors(), training=True)[0][name]
        first = trainer.student.sections[0].trainable_variables
        return any(g is not None for g in tape.gradient(value, first))

    assert reached("student")
    assert not reached("teacher")


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_mixed_input_with_probability_0_or_1_is_one_of_the_two(
    dense, vectors, share
):
    teacher, student = dense(1), dense(2)
    trainer = compiled(
        teacher, student, section_input="mixed", teacher_probability=share
    )
    x, y = vectors()
    terms, logits = trainer.terms(x, y, training=True)
    T, S = streams(teacher, student, x)
    second = student.sections[1](T[0]) if share else S[1]
    for k, made in ((1, S[0]), (2, second)):
        np.testing.assert_allclose(
            terms[lit.penalty_name(k, "mixed")],
            penalties.l2(T[k - 1], made),
            rtol=1e-5,
        )
    np.testing.assert_allclose(logits, student.head(second), rtol=1e-5)


def test_mixed_input_is_drawn_for_each_example_and_step(dense, vectors):
    trainer = compiled(
        dense(1), dense(2), section_input="mixed", teacher_probability=0.5
    )
    x, y = vectors(64)
    T, S = streams(trainer.teacher, trainer.student, x)
    either = [
        penalties.l2(T[1], trainer.student.sections[1](fed))
        for fed in (T[0], S[0])
    ]

    def drawn():
        terms, _ = trainer.terms(x, y, training=True)
        penalty = terms[lit.penalty_name(2, "mixed")]
        by_teacher = np.isclose(penalty, either[0], rtol=1e-4)
        assert np.all(by_teacher | np.isclose(penalty, either[1], rtol=1e-4))
        return by_teacher

    first, again = drawn(), drawn()
    assert 15 < np.sum(first) < 49
    np.testing.assert_array_equal(first, again)  # A resumed step is the same.
    trainer.optimizer.iterations.assign_add(1)
    assert np.any(drawn() != first)


def test_mixed_input_is_evaluated_on_the_student_alone(dense, vectors):
    trainer = compiled(
        dense(1), dense(2), section_input="mixed", teacher_probability=1.0
    )
    x, y = vectors()
    _, logits = trainer.terms(x, y, training=False)
    np.testing.assert_allclose(logits, trainer.student(x), rtol=1e-6)


def test_a_probability_may_be_a_function_of_the_step(dense, vectors):
    trainer = compiled(
        dense(1),
        dense(2),
        section_input="mixed",
        teacher_probability=keras.optimizers.schedules.PolynomialDecay(
            1.0, 4, 0.0
        ),
    )
    x, y = vectors()
    name = lit.penalty_name(2, "mixed")
    T, S = streams(trainer.teacher, trainer.student, x)
    for step, fed in ((0, T[0]), (4, S[0])):
        trainer.optimizer.iterations.assign(step)
        terms, _ = trainer.terms(x, y, training=True)
        made = trainer.student.sections[1](fed)
        expected = penalties.l2(T[1], made)
        np.testing.assert_allclose(terms[name], expected, rtol=1e-5)


def test_a_falling_beta_is_that_of_the_step(dense, vectors):
    falling = keras.optimizers.schedules.PolynomialDecay(0.8, 4, 0.0)
    trainer = compiled(dense(1), dense(2), beta=falling)
    x, y = vectors()
    for step, beta in ((0, 0.8), (1, 0.6), (4, 0.0)):
        trainer.optimizer.iterations.assign(step)
        terms, _ = trainer.terms(x, y, training=True)
        expected = beta * terms["kd"] + (1 - beta) * terms["ir"]
        np.testing.assert_allclose(terms["total"], expected, rtol=1e-5)


@pytest.mark.parametrize(
    "section_input", slow.all_but(["student"], ["teacher", "student", "mixed"])
)
def test_ends_that_are_not_copied_are_trained(build, batch, section_input):
    teacher, student = build("resnet14", seed=1), build(seed=2)
    kernel = student.stem.get_weights()[0]
    trainer = compiled(
        teacher, student, section_input=section_input, copy_ends=False
    )
    np.testing.assert_array_equal(student.stem.get_weights()[0], kernel)
    before = [v.numpy() for v in student.variables]
    trainer.train_on_batch(*batch(8))
    for old, variable in zip(before, student.variables, strict=True):
        if "seed" not in variable.path:
            assert np.any(old != variable.numpy()), variable.path


@pytest.mark.parametrize("copy_ends", [True, False])
def test_copied_ends_run_in_inference_mode_and_others_in_training_mode(
    dense, vectors, copy_ends
):
    def dropping(seed):
        model = dense(seed)
        head = keras.Sequential([keras.layers.Dropout(0.5), model.head])
        head.build((None, 6))
        return SectionedModel(model.stem, model.sections, head)

    trainer = lit.LIT(dropping(1), dropping(2), copy_ends=copy_ends)
    x, y = vectors(32)
    _, logits = trainer.terms(x, y, training=True)
    still = trainer.student(x, training=False)
    assert np.allclose(logits, still, rtol=1e-5) == copy_ends


def test_without_copied_ends_section_1_still_reads_the_teachers(dense, vectors):
    teacher, student = dense(1), dense(2)
    trainer = lit.LIT(teacher, student, copy_ends=False)
    x, y = vectors()
    terms, _ = trainer.terms(x, y, training=True)
    T, S = streams(teacher, student, x, ends=False)
    fed = student.sections[0](teacher.stem(x))
    for stream, made in (("teacher_fed", fed), ("student_fed", S[0])):
        np.testing.assert_allclose(
            terms[lit.penalty_name(1, stream)],
            penalties.l2(T[0], made),
            rtol=1e-6,
        )


def test_batchnorm_records_the_stream_that_gives_the_output(build, batch):
    images, labels = batch(8)
    for section_input in ("teacher", "student", "mixed"):
        teacher, student = build("resnet14", seed=1), build(seed=2)
        trainer = compiled(
            teacher,
            student,
            0.0,
            section_input=section_input,
            teacher_probability=0.0,
        )
        before = student.stem.get_weights(), student.head.get_weights()
        trainer.train_on_batch(images, labels)
        reference = build(seed=2)
        for part, weights in zip(
            (reference.stem, reference.head), before, strict=True
        ):
            part.set_weights(weights)
        x = reference.stem(images, training=False)
        for section in reference.sections:
            x = section(x, training=True)
        for ours, theirs in zip(
            student.get_weights(), reference.get_weights(), strict=True
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_an_unknown_section_input_is_refused(dense):
    with pytest.raises(errors.SettingsError, match="`section_input` must be"):
        lit.LIT(dense(1), dense(2), section_input="both")
