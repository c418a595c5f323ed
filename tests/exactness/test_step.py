"""A training step: the variables that it changes, and those it does not."""

import dataclasses

import keras
import numpy as np
import pytest
import seeds
import slow
import tensorflow as tf

from lit_tf import config, data, layers, models
from lit_tf.experiment.run import compress
from lit_tf.methods import distill, lit
from lit_tf.sections import copying, model_files
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.training import fit

K = 3  # sections of a ResNet
KINDS = pytest.mark.parametrize(
    "kind", slow.all_but([lit.LIT], [lit.LIT, distill.Distill])
)


def made(kind, teacher, student):
    trainer = kind(teacher, student)
    trainer.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    return trainer


@pytest.mark.parametrize("k", range(1, K + 1))
def test_the_gradient_of_a_penalty_stays_in_its_section(build, batch, k):
    trainer = lit.LIT(build(seed=1), build(seed=2))
    student = trainer.student
    parts = [student.stem, *student.sections, student.head]
    with tf.GradientTape() as tape:
        terms, _ = trainer.terms(*batch(4), training=True)
        value = tf.reduce_sum(terms[lit.penalty_name(k)])
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
        value = tf.add_n(
            [terms[lit.penalty_name(k, "student_fed")] for k in range(1, K + 1)]
        )
    gradients = tape.gradient(value, trainer.student.trainable_variables)
    assert all(gradient is None for gradient in gradients)


def test_kd_reaches_every_section_through_the_students_own_stream(build, batch):
    trainer = lit.LIT(build(seed=1), build(seed=2))
    with tf.GradientTape() as tape:
        terms, _ = trainer.terms(*batch(4), training=True)
        value = tf.reduce_sum(terms["kd"])
    gradients = tape.gradient(value, trainer.trained_variables)
    assert all(np.any(gradient) for gradient in gradients)


def test_training_changes_every_section_and_nothing_else(build, batch, close):
    teacher, student = build("resnet14", seed=1), build(seed=2)
    trainer = made(lit.LIT, teacher, student)
    before = teacher.get_weights()
    sections = [section.get_weights() for section in student.sections]
    trainer.fit(*batch(8), batch_size=4, epochs=2, verbose=0)
    close(teacher.get_weights(), before, 0.0)
    close(student.stem.get_weights(), teacher.stem.get_weights(), 0.0)
    close(student.head.get_weights(), teacher.head.get_weights(), 0.0)
    for old, section in zip(sections, student.sections, strict=True):
        for a, b in zip(old, section.get_weights(), strict=True):
            assert np.any(a != b)


@pytest.mark.usefixtures("small_family", "without_costs")
def test_a_whole_run_leaves_the_teacher_bit_equal(tmp_path, monkeypatch, close):
    seeds.set_all(0)
    teacher = models.get("small10")(**data.load(config.Data()).form)
    file = tmp_path / "teacher.keras"
    model_files.save(teacher, file)
    written, seen = file.read_bytes(), []
    run = fit.run_phase

    def watched(name, model, *arguments, **settings):
        close(model.teacher.get_weights(), teacher.get_weights(), 0.0)
        outcome = run(name, model, *arguments, **settings)
        close(model.teacher.get_weights(), teacher.get_weights(), 0.0)
        seen.append(name)
        return outcome

    monkeypatch.setattr(fit, "run_phase", watched)
    phase = config.Phase(
        epochs=1, batch_size=256, learning_rate=0.05, weight_decay=1e-4
    )
    settings = config.Compress(
        teacher="small10",
        student="small6",
        teacher_weights=str(file),
        min_teacher_accuracy=0.0,  # It is not trained.
        lit=phase,
        fine_tune=dataclasses.replace(phase, learning_rate=0.01),
        session=config.Session(workdir=str(tmp_path / "run")),
    )
    compress(settings)
    assert seen == ["lit", "fine_tune"]
    assert file.read_bytes() == written


@KINDS
def test_evaluation_changes_nothing(build, batch, close, kind):
    trainer = made(kind, build("resnet14", seed=1), build(seed=2))
    trainer.train_on_batch(*batch(4))
    models = (trainer.student, trainer.teacher, trainer.optimizer)
    before = [[v.numpy() for v in model.variables] for model in models]
    trainer.evaluate(*batch(8, seed=1), batch_size=4, verbose=0)
    trainer.predict(batch(8, seed=1)[0], batch_size=4, verbose=0)
    for old, model in zip(before, models, strict=True):
        close([v.numpy() for v in model.variables], old, 0.0)


@KINDS
def test_batchnorm_records_the_own_stream_once(build, batch, close, kind):
    teacher, student = build(seed=1), build(seed=2)
    teacher(
        batch(8, seed=1)[0], training=True
    )  # Updates its moving statistics.
    trainer, (x, y) = made(kind, teacher, student), batch(4)
    inputs, parts, expected = x, [student.stem, *student.sections], []
    if kind is lit.LIT:  # Its stem is frozen and records nothing.
        frozen, *parts = parts
        expected = frozen.get_weights()[-2:]
        x = frozen(x, training=False)
    for part in parts:
        norms = [
            layer
            for layer in part.layers
            if isinstance(layer, layers.BatchNormalization)
        ]
        inside = keras.Model(
            part.input, [n.input for n in norms] + part.outputs
        )
        *normed, x = copy_of(inside)(x, training=True)
        for norm, seen in zip(norms, map(np.asarray, normed), strict=True):
            old, momentum = norm.get_weights()[2:], norm.momentum
            mean = seen.mean(axis=(0, 1, 2), dtype=float)
            variance = seen.var(axis=(0, 1, 2), dtype=float, ddof=1)
            expected.append(momentum * old[0] + (1 - momentum) * mean)
            expected.append(momentum * old[1] + (1 - momentum) * variance)
    trainer.train_on_batch(inputs, y)
    close(student.non_trainable_variables, expected, 1e-5, relative=True)


def copy_of(model):
    """Returns a copy with the model's weights and its own statistics."""
    return copying.copy_model(model, policy="float32")


def test_a_section_of_nested_models_is_compared_and_recorded(close):
    # Blocks within blocks. (The model is not cut inside them.)
    def block(name, inner):
        x = keras.Input((6,))
        y = keras.layers.Dense(6, name="dense")(x)
        y = layers.BatchNormalization(momentum=0.9, name="norm")(y)
        return keras.Model(x, inner(y) if inner else y, name=name)

    def model(seed):
        seeds.set_all(seed)
        x = keras.Input((6,))
        ends = [keras.layers.Dense(n)(x) for n in (6, 3)]
        stem, head = (keras.Model(x, end) for end in ends)
        sections = [
            block(f"section_{k}", block("block", block("inner", None)))
            for k in (1, 2)
        ]
        return SectionedModel(stem, sections, head)

    teacher, student = model(1), model(2)
    trainer = made(lit.LIT, teacher, student)
    x = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
    theirs, own = teacher.stem(x), teacher.stem(x)
    penalties, shadow = [], copy_of(student)
    for target, section, fed in zip(
        teacher.sections,
        shadow.sections,
        copy_of(student).sections,
        strict=True,
    ):
        answer = fed(theirs, training=True)
        theirs, own = target(theirs), section(own, training=True)
        penalties.append(np.mean(np.square(theirs - answer)))
    report = trainer.train_on_batch(x, np.zeros(8, int), return_dict=True)
    close([report[lit.penalty_name(k)] for k in (1, 2)], penalties, 1e-5)
    assert len(student.non_trainable_variables) == 2 * 3 * 2
    close(student.non_trainable_variables, shadow.non_trainable_variables, 1e-6)
