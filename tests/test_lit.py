"""LIT: what the step computes, what it changes and what it leaves alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import lit_tf
from lit_tf import errors, lit, penalties, sectioned

K = 3  # sections of a ResNet


def dense(seed, **section):
    """A model of two sections without BatchNorm: 4 → 6 → 6 → 6 → 3."""
    keras.utils.set_random_seed(seed)

    def part(name, inputs, outputs, **settings):
        x = keras.Input((inputs,), name="x")
        y = keras.layers.Dense(outputs, name="dense", **settings)(x)
        return keras.Model(x, y, name=name)

    return sectioned.SectionedModel(
        part("stem", 4, 6),
        [
            part(f"section_{k}", 6, 6, activation="tanh", **section)
            for k in (1, 2)
        ],
        part("head", 6, 3, dtype="float32"),
    )


def vectors(size=4):
    random = np.random.default_rng(0)
    x = random.normal(size=(size, 4)).astype("float32")
    return x, random.integers(0, 3, size).astype("int32")


def compiled(teacher, student, rate=0.1, **settings):
    trainer = lit.LIT(teacher, student, **settings)
    trainer.compile(keras.optimizers.SGD(rate), run_eagerly=True)
    return trainer


def values(model):
    return [variable.numpy() for variable in model.variables]


def assert_equal(before, after):
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("k", range(1, K + 1))
def test_the_gradient_of_a_penalty_stays_in_its_section(build, batch, k):
    trainer = lit.LIT(build(seed=1), build(seed=2))
    student = trainer.student
    parts = [student.stem, *student.sections, student.head]
    with tf.GradientTape() as tape:
        terms, _ = trainer.terms(*batch(4), training=True)
        value = tf.reduce_sum(terms[lit.fed_name(k)])
    by_part = tape.gradient(value, [p.trainable_variables for p in parts])
    for place, gradients in enumerate(by_part):
        if place == k:
            assert all(np.any(gradient) for gradient in gradients)
        else:
            assert all(gradient is None for gradient in gradients)


def test_the_logged_distances_have_no_gradient_of_their_own(build, batch):
    trainer = lit.LIT(build(seed=1), build(seed=2))
    with tf.GradientTape() as tape:
        terms, _ = trainer.terms(*batch(4), training=True)
        value = tf.add_n([terms[lit.own_name(k)] for k in range(1, K + 1)])
    gradients = tape.gradient(value, trainer.student.trainable_variables)
    assert all(gradient is None for gradient in gradients)


def test_kd_reaches_every_section_through_the_students_own_stream(build, batch):
    trainer = lit.LIT(build(seed=1), build(seed=2))
    with tf.GradientTape() as tape:
        terms, _ = trainer.terms(*batch(4), training=True)
        value = tf.reduce_sum(terms["kd"])
    gradients = tape.gradient(value, trainer.trained_variables)
    assert all(np.any(gradient) for gradient in gradients)


@pytest.mark.parametrize("penalty", sorted(penalties.PENALTIES))
def test_a_section_is_compared_on_the_teachers_representation(penalty):
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
        for name, ours in ((lit.fed_name(k), fed), (lit.own_name(k), own)):
            np.testing.assert_allclose(terms[name], compare(theirs, ours))
    np.testing.assert_allclose(logits, student(x), rtol=1e-6)


def test_a_student_equal_to_its_teacher_has_penalties_of_zero(build, batch):
    teacher, student = build(seed=1), build(seed=2)
    teacher(batch(8)[0], training=True)  # Moves the moving statistics.
    student.set_weights(teacher.get_weights())
    trainer = lit.LIT(teacher, student)
    trainer.compile()
    reported = trainer.evaluate(*batch(4), verbose=0, return_dict=True)
    for k in range(1, K + 1):
        assert reported[lit.fed_name(k)] == reported[lit.own_name(k)] == 0.0
    assert reported["ir"] == 0.0 < reported["total"]


def test_the_reported_terms_add_up_to_the_total():
    settings = {"alpha": 0.3, "temperature": 2.0, "beta": 0.6}
    trainer = compiled(dense(1), dense(2), **settings)
    x, y = vectors(6)
    r = trainer.fit(x, y, batch_size=4, verbose=0).history
    r = {name: value for name, (value,) in r.items()}
    assert r["ir"] == pytest.approx(r[lit.fed_name(1)] + r[lit.fed_name(2)])
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


def test_training_changes_every_section_and_nothing_else(build, batch):
    teacher, student = build("resnet14", seed=1), build(seed=2)
    trainer = lit.LIT(teacher, student)
    trainer.compile(keras.optimizers.SGD(0.1))
    before, sections = values(teacher), [values(s) for s in student.sections]
    trainer.fit(*batch(8), batch_size=4, epochs=2, verbose=0)
    assert_equal(before, values(teacher))
    assert_equal(values(teacher.stem), values(student.stem))
    assert_equal(values(teacher.head), values(student.head))
    for old, section in zip(sections, student.sections, strict=True):
        changed = [
            np.any(a != b) for a, b in zip(old, values(section), strict=True)
        ]
        assert all(changed)


def test_the_stem_and_head_are_not_among_the_trained(build):
    trainer = lit.LIT(build(seed=1), build(seed=2))
    ends = [trainer.student.stem, trainer.student.head]
    trained = {id(v) for v in trainer.trained_variables}
    assert not trained & {id(v) for end in ends for v in end.variables}
    assert len(trained) == 6 * K  # 2 × (kernel, gamma, beta) a section


def test_the_teacher_is_neither_tracked_nor_saved(build):
    teacher = build("resnet14", seed=1)
    trainer = lit.LIT(teacher, build(seed=2))
    ours = {id(v) for v in trainer.variables}
    assert trainer.teacher is teacher
    assert not ours & {id(v) for v in teacher.variables}


def test_evaluation_changes_no_variable(build, batch):
    trainer = compiled(build(seed=1), build(seed=2))
    trainer.train_on_batch(*batch(4))
    models = (trainer.student, trainer.teacher, trainer.optimizer)
    before = [values(model) for model in models]
    trainer.evaluate(*batch(8, seed=1), batch_size=4, verbose=0)
    for old, model in zip(before, models, strict=True):
        assert_equal(old, values(model))


def test_batchnorm_records_the_students_own_stream_once(build, batch):
    trainer = compiled(build(seed=1), build(seed=2))
    student, twin = trainer.student, build(seed=2)
    images, labels = batch(4)
    x = trainer.teacher.stem(images, training=False)
    for section in twin.sections:
        x = section(x, training=True)
    trainer.train_on_batch(images, labels)
    for ours, theirs in zip(student.sections, twin.sections, strict=True):
        pairs = zip(
            ours.non_trainable_variables,
            theirs.non_trainable_variables,
            strict=True,
        )
        for recorded, expected in pairs:
            np.testing.assert_allclose(recorded, expected, rtol=1e-5, atol=1e-6)


def test_the_students_own_stream_is_the_student(build, batch):
    teacher = build(seed=1)
    teacher(batch(8)[0], training=True)
    trainer = lit.LIT(teacher, build(seed=2))
    images, labels = batch(4)
    _, logits = trainer.terms(images, labels, training=False)
    for answer in (trainer.student, trainer):
        np.testing.assert_allclose(
            answer(images, training=False), logits, rtol=1e-5, atol=1e-6
        )


def test_what_is_saved_is_the_student_and_it_trains_on(build, batch, tmp_path):
    teacher = build(seed=1)
    trainer = compiled(teacher, build(seed=2))
    trainer.train_on_batch(*batch(4))
    trainer.save(tmp_path / "student.keras")
    student = lit_tf.load(tmp_path / "student.keras")
    assert type(student) is sectioned.SectionedModel
    assert_equal(values(trainer.student), values(student))
    first, again = (
        each.train_on_batch(*batch(4, seed=1), return_dict=True)["total"]
        for each in (
            compiled(teacher, trainer.student),
            compiled(teacher, student),
        )
    )
    assert again == pytest.approx(first, rel=1e-6)


def test_a_loss_of_the_users_is_refused():
    with pytest.raises(errors.SettingsError, match="LIT brings its own losses"):
        lit.LIT(dense(1), dense(2)).compile(loss="mse")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": 1.5}, r"`alpha` must be in \[0, 1\]. Received: alpha=1.5"),
        ({"alpha": float("nan")}, "`alpha` must be"),
        ({"beta": -0.1}, r"`beta` must be in \[0, 1\]. Received: beta=-0.1"),
        ({"temperature": 0.0}, "`temperature` must be positive"),
        ({"temperature": float("inf")}, "`temperature` must be positive"),
        ({"penalty": "l3"}, "`penalty` must be one of l1, l2, smooth_l1"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        lit.LIT(dense(1), dense(2), **settings)


def test_a_student_that_does_not_line_up_is_refused_and_left_alone(build):
    student = build(seed=2, classes=7)
    before = values(student)
    with pytest.raises(errors.SettingsError, match="The output must"):
        lit.LIT(build(seed=1), student)
    assert_equal(before, values(student))


def test_examples_of_weight_zero_leave_no_trace():
    x, y = vectors(4)
    other = np.concatenate([x[:2], x[2:] + 1.0])
    weight = np.array([1.0, 1.0, 0.0, 0.0])
    start, moved, totals = values(dense(2)), [], []
    for data in ((x, y, weight), (other, y, weight), (x[:2], y[:2], None)):
        trainer = compiled(dense(1), dense(2))
        totals.append(trainer.train_on_batch(*data, return_dict=True)["total"])
        moved.append(
            [
                new - old
                for old, new in zip(start, values(trainer.student), strict=True)
            ][2:-2]
        )
    assert totals[0] == pytest.approx(totals[1]) == totals[2] / 2
    for whole, changed, half in zip(*moved, strict=True):
        np.testing.assert_allclose(whole, changed, atol=1e-7)
        np.testing.assert_allclose(whole, half / 2, atol=1e-7)


def test_a_regulariser_of_the_students_is_part_of_the_reported_loss():
    student = dense(2, kernel_regularizer=keras.regularizers.L2(0.5))
    trainer = compiled(dense(1), student)
    kernels = [section.get_weights()[0] for section in student.sections]
    expected = sum(0.5 * np.sum(np.square(kernel)) for kernel in kernels)
    reported = trainer.train_on_batch(*vectors(), return_dict=True)
    assert reported["loss"] - reported["total"] == pytest.approx(expected)


def test_a_regulariser_of_the_students_is_part_of_the_gradient():
    teacher = dense(1)
    student = dense(2, kernel_regularizer=keras.regularizers.L2(0.5))
    student.set_weights(teacher.get_weights())  # Its penalties are 0.
    compiled(teacher, student, beta=0.0).train_on_batch(*vectors())
    for ours, theirs in zip(student.sections, teacher.sections, strict=True):
        kernel, moved = theirs.get_weights()[0], ours.get_weights()[0]
        np.testing.assert_allclose(moved, kernel - 0.1 * kernel, rtol=1e-5)


def test_what_every_section_adds_to_the_loss_counts():
    student = dense(2, activity_regularizer=keras.regularizers.L2(0.5))
    trainer = compiled(dense(1), student)
    x, y = vectors()
    expected, own = 0.0, trainer.student.stem(x)
    for section in student.sections:
        own = section(own)
        (added,) = section.losses  # Whatever this Keras divides it by.
        expected += float(added)
    assert expected > 0
    reported = trainer.train_on_batch(x, y, return_dict=True)
    assert reported["loss"] - reported["total"] == pytest.approx(expected)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_float16_student_takes_the_step_of_a_float32_one(policy):
    # Unscaled the step would be 2¹⁵ times as small, and half of it underflow.
    teacher = sectioned.with_policy(dense(1), policy)
    x, y = vectors()
    moved = []
    for student in (dense(2), sectioned.with_policy(dense(2), "mixed_float16")):
        trainer = compiled(teacher, student)
        before = student.sections[0].get_weights()
        trainer.train_on_batch(x, y)
        after = student.sections[0].get_weights()
        moved.append([a - b for a, b in zip(after, before, strict=True)])
    assert isinstance(trainer.optimizer, keras.optimizers.LossScaleOptimizer)
    for exact, half in zip(*moved, strict=True):
        assert np.abs(exact).max() > 1e-3
        np.testing.assert_allclose(half, exact, rtol=0.05, atol=2e-4)


def test_a_float16_resnet_has_finite_terms_and_variables(build, batch):
    student = sectioned.with_policy(build(seed=2), "mixed_float16")
    trainer = compiled(build(seed=1), student)
    reported = trainer.train_on_batch(*batch(2), return_dict=True)
    assert np.isfinite(list(reported.values())).all()
    assert all(np.isfinite(value).all() for value in values(student))


def test_an_optimiser_that_scales_already_is_not_wrapped_again():
    student = sectioned.with_policy(dense(2), "mixed_float16")
    trainer = lit.LIT(dense(1), student)
    scaling = keras.optimizers.LossScaleOptimizer(lit_tf.SGD(0.1))
    trainer.compile(scaling)
    assert trainer.optimizer is scaling


def test_a_float32_student_needs_no_loss_scaling():
    trainer = lit.LIT(dense(1), dense(2))
    trainer.compile(lit_tf.SGD(0.1))
    assert isinstance(trainer.optimizer, lit_tf.SGD)


def test_the_users_metrics_are_reported_beside_ours():
    trainer = lit.LIT(dense(1), dense(2))
    trainer.compile(
        run_eagerly=True,
        metrics=[keras.metrics.SparseTopKCategoricalAccuracy(3, "top_3")],
    )
    reported = trainer.train_on_batch(*vectors(), return_dict=True)
    assert reported["top_3"] == 1.0
    assert "total" in reported


def test_a_function_may_be_the_penalty():
    def furthest(teacher, student):
        return tf.reduce_max(tf.abs(teacher - student), axis=-1)

    teacher, student = dense(1), dense(2)
    trainer = lit.LIT(teacher, student, penalty=furthest)
    x, y = vectors()
    terms, _ = trainer.terms(x, y, training=True)
    start = teacher.stem(x)
    expected = teacher.sections[0](start) - student.sections[0](start)
    np.testing.assert_allclose(
        terms[lit.fed_name(1)], np.abs(expected).max(axis=-1), rtol=1e-6
    )


def test_each_convolution_is_computed_as_often_as_it_must(build, batch):
    trainer = lit.LIT(build("resnet14", seed=1), build(seed=2))
    trainer.compile()
    graph = (
        tf.function(trainer.train_step).get_concrete_function(batch(4)).graph
    )
    nested = [f.graph for f in graph._functions.values() if hasattr(f, "graph")]
    ops = [op.type for g in (graph, *nested) for op in g.get_operations()]
    teacher, section = 1 + 4 * K, 2  # 14 = 1 + 4·3 + dense; 8 = 1 + 2·3 + dense
    assert ops.count("Conv2D") == teacher + section + 2 * 2 * section
    assert ops.count("Conv2DBackpropFilter") == section + 2 * 2 * section


def test_a_graph_reports_what_eager_does():
    reports = []
    for run_eagerly in (True, False):
        trainer = lit.LIT(dense(1), dense(2))
        trainer.compile("sgd", run_eagerly=run_eagerly)
        trainer.train_on_batch(*vectors())
        report = trainer.train_on_batch(*vectors(), return_dict=True)
        reports.append({name: float(value) for name, value in report.items()})
    assert reports[0] == pytest.approx(reports[1], rel=1e-5)


def test_a_teacher_that_would_be_trained_is_refused(build):
    teacher = build()
    with pytest.raises(errors.SettingsError, match="must not share weights"):
        lit.LIT(teacher, teacher)
    student = sectioned.SectionedModel(
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


def test_weights_are_saved_and_loaded_as_the_students(build, tmp_path):
    trainer = lit.LIT(build(), build(seed=1))
    trainer.save_weights(tmp_path / "student.weights.h5")
    student = build(seed=2)
    sectioned.load_weights(student, tmp_path / "student.weights.h5")
    for ours, theirs in zip(
        student.weights, trainer.student.weights, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
