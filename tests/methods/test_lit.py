"""`LIT`: penalties, metrics and errors (for its step see `exactness/`)."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lit_tf import errors
from lit_tf.losses import penalties
from lit_tf.methods import lit
from lit_tf.sections import model_files
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.teacher import frozen

K = 3  # sections of a ResNet


def compiled(teacher, student, rate=0.1, **settings):
    trainer = lit.LIT(teacher, student, **settings)
    trainer.compile(keras.optimizers.SGD(rate), run_eagerly=True)
    return trainer


def values(model):
    return [variable.numpy() for variable in model.variables]


def assert_equal(before, after):
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("penalty", sorted(penalties.PENALTIES))
def test_a_section_is_compared_on_the_teachers_representation(
    dense, vectors, penalty
):
    teacher, student = dense(1), dense(2)
    trainer = lit.LIT(teacher, student, penalty=penalty)
    x, y = vectors()
    terms, logits = trainer.terms(x, y, training=True)
    compare = penalties.get(penalty)
    fed = own = theirs = teacher.stem(x)
    for k, (target, section) in enumerate(
        zip(teacher.sections, student.sections, strict=True), 1
    ):
        fed, own, theirs = section(theirs), section(own), target(theirs)
        for name, ours in (
            (lit.penalty_name(k), fed),
            (lit.penalty_name(k, "student_fed"), own),
        ):
            np.testing.assert_allclose(terms[name], compare(theirs, ours))
    np.testing.assert_allclose(logits, student(x), rtol=1e-6)


def test_a_student_equal_to_its_teacher_has_penalties_of_zero(build, batch):
    teacher, student = build(seed=1), build(seed=2)
    teacher(batch(8)[0], training=True)  # Moves the moving statistics.
    student.set_weights(teacher.get_weights())
    trainer = lit.LIT(teacher, student)
    trainer.compile()
    reported = trainer.evaluate(*batch(4), verbose=0, return_dict=True)
    # Zero but for the rounding of a teacher whose BatchNorm is folded.
    for k in range(1, K + 1):
        assert reported[lit.penalty_name(k)] < 1e-10
        assert reported[lit.penalty_name(k, "student_fed")] < 1e-10
    assert reported["ir"] < 1e-10 < reported["total"]


def test_the_reported_terms_add_up_to_the_total(dense, vectors):
    settings = {"alpha": 0.3, "temperature": 2.0, "beta": 0.6}
    trainer = compiled(dense(1), dense(2), **settings)
    x, y = vectors(6)
    r = trainer.fit(x, y, batch_size=4, verbose=0).history
    r = {name: value for name, (value,) in r.items()}
    assert r["ir"] == pytest.approx(
        r[lit.penalty_name(1)] + r[lit.penalty_name(2)]
    )
    assert r["kd"] == pytest.approx(0.3 * r["hard"] + 0.7 * 4 * r["soft"])
    assert r["total"] == pytest.approx(0.6 * r["kd"] + 0.4 * r["ir"])
    assert r["loss"] == pytest.approx(r["total"])


def test_every_term_is_reported_by_its_name(build, batch):
    trainer = compiled(build(seed=1), build(seed=2))
    reported = trainer.test_on_batch(*batch(2), return_dict=True)
    assert set(reported) == {
        *(f"section_{k}/penalty_teacher_fed" for k in (1, 2, 3)),
        *(f"section_{k}/penalty_student_fed" for k in (1, 2, 3)),
        *("ir", "hard", "soft", "kd", "total", "loss", "accuracy"),
    }


def test_the_stem_and_head_are_not_trained(build):
    trainer = lit.LIT(build(seed=1), build(seed=2))
    ends = [trainer.student.stem, trainer.student.head]
    trained = {id(v) for v in trainer.trained_variables}
    assert not trained & {id(v) for end in ends for v in end.variables}
    assert len(trained) == 6 * K  # 2 × (kernel, gamma, beta) a section


def test_the_students_own_stream_computes_the_students_output(build, batch):
    teacher = build(seed=1)
    teacher(batch(8)[0], training=True)
    trainer = lit.LIT(teacher, build(seed=2))
    images, labels = batch(4)
    _, logits = trainer.terms(images, labels, training=False)
    for model in (trainer.student, trainer):
        np.testing.assert_allclose(
            model(images, training=False), logits, rtol=1e-5, atol=1e-6
        )


def test_a_batch_with_teacher_outputs_does_not_run_the_teacher(build, batch):
    trainer = lit.LIT(build("resnet14", seed=1), build(seed=2))
    images, labels = batch(4)
    live, _ = trainer.terms(images, labels, training=False)
    cached = frozen.teacher_outputs(trainer.frozen, images)
    for k in cached.representations:
        changed = dict(cached.representations)
        changed[k] = changed[k] + 1.0
        other = cached._replace(representations=changed)
        terms, _ = trainer.terms(other, labels, training=False)
        # T_k is what section k is compared with, and what section k + 1 is fed.
        for j in range(1, K + 1):
            gap = np.abs(terms[lit.penalty_name(j)] - live[lit.penalty_name(j)])
            assert (np.max(gap) > 1e-3) == (j in (k, k + 1))


def test_the_own_stream_starts_at_the_stem_if_T_0_is_missing(build, batch):
    trainer = lit.LIT(build("resnet14", seed=1), build(seed=2))
    images, labels = batch(4)
    live, logits = trainer.terms(images, labels, training=False)
    cached = frozen.teacher_outputs(trainer.frozen, images)
    del cached.representations[0]
    terms, same = trainer.terms(cached, labels, training=False)
    np.testing.assert_allclose(same, logits, rtol=1e-4, atol=1e-5)
    for name, values in live.items():
        np.testing.assert_allclose(terms[name], values, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "shared"), [("float32", True), ("bfloat16", False)]
)
def test_the_stem_is_shared_unless_the_teacher_is_less_precise(
    build, batch, dtype, shared
):
    trainer = lit.LIT(
        build("resnet14", seed=1), build(seed=2), teacher_dtype=dtype
    )
    # Changing the student's stem changes the output only if it is computed.
    stem = trainer.student.stem
    images, labels = batch(4)
    _, before = trainer.terms(images, labels, training=False)
    stem.set_weights([2 * value for value in stem.get_weights()])
    _, after = trainer.terms(images, labels, training=False)
    assert np.allclose(before, after) == shared


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": 1.5}, r"`alpha` must be in \[0, 1\]. Received: alpha=1.5"),
        ({"alpha": float("nan")}, "`alpha` must be"),
        ({"beta": -0.1}, r"`beta` must be in \[0, 1\]. Received: beta=-0.1"),
        ({"temperature": 0.0}, "`temperature` must be positive"),
        ({"temperature": float("inf")}, "`temperature` must be positive"),
        (
            {"penalty": "l3"},
            "`penalty` must be one of l1, l2, ",
        ),
    ],
)
def test_a_setting_out_of_range_is_refused(dense, settings, message):
    with pytest.raises(ValueError, match=message):
        lit.LIT(dense(1), dense(2), **settings)


def test_a_student_that_does_not_match_is_refused_and_not_changed(build):
    student = build(seed=2, classes=7)
    before = values(student)
    with pytest.raises(errors.SettingsError, match="The output must"):
        lit.LIT(build(seed=1), student)
    assert_equal(before, values(student))


def test_the_users_metrics_are_reported_too(dense, vectors):
    trainer = lit.LIT(dense(1), dense(2))
    trainer.compile(
        run_eagerly=True,
        metrics=[keras.metrics.SparseTopKCategoricalAccuracy(3, "top_3")],
    )
    reported = trainer.train_on_batch(*vectors(), return_dict=True)
    assert reported["top_3"] == 1.0
    assert "total" in reported


def test_a_function_may_be_the_penalty(dense, vectors):
    def largest(teacher, student):
        return tf.reduce_max(tf.abs(teacher - student), axis=-1)

    teacher, student = dense(1), dense(2)
    trainer = lit.LIT(teacher, student, penalty=largest)
    x, y = vectors()
    terms, _ = trainer.terms(x, y, training=True)
    start = teacher.stem(x)
    expected = teacher.sections[0](start) - student.sections[0](start)
    np.testing.assert_allclose(
        terms[lit.penalty_name(1)], np.abs(expected).max(axis=-1), rtol=1e-6
    )


def test_graph_and_eager_execution_report_the_same(dense, vectors):
    reports = []
    for run_eagerly in (True, False):
        trainer = lit.LIT(dense(1), dense(2))
        trainer.compile("sgd", run_eagerly=run_eagerly)
        trainer.train_on_batch(*vectors())
        report = trainer.train_on_batch(*vectors(), return_dict=True)
        reports.append({name: float(value) for name, value in report.items()})
    assert reports[0] == pytest.approx(reports[1], rel=1e-5)


def test_a_teacher_that_shares_weights_with_the_student_is_refused(build):
    teacher = build()
    with pytest.raises(errors.SettingsError, match="must not share weights"):
        lit.LIT(teacher, teacher)
    student = SectionedModel(
        teacher.stem, build(seed=1).sections, build(seed=1).head
    )
    with pytest.raises(errors.SettingsError, match="must not share weights"):
        lit.LIT(teacher, student)


def test_a_model_without_sections_is_refused(build):
    plain = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    with pytest.raises(errors.SettingsError, match="student must be a Section"):
        lit.LIT(build(), plain)


def test_training_without_labels_is_refused(build, batch):
    trainer = lit.LIT(build(), build(seed=1))
    trainer.compile()
    with pytest.raises(errors.SettingsError, match="need labels"):
        trainer.fit(batch(2)[0], verbose=0)


def test_saved_weights_are_those_of_the_student(build, tmp_path):
    trainer = lit.LIT(build(), build(seed=1))
    trainer.save_weights(tmp_path / "student.weights.h5")
    student = build(seed=2)
    model_files.load_weights(student, tmp_path / "student.weights.h5")
    for ours, theirs in zip(
        student.weights, trainer.student.weights, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
