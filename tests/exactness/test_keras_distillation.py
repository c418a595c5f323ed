"""The faults of `keras.distillation`, which `lit_tf` does not have.

`test_keras_faults.py` shows the faults of Keras. Other files test the rest of
the list: the ops of a step, BatchNorm and evaluation (`test_traced_step.py`,
`test_step.py`), float16 (`test_precision.py`), replicas
(`../training/test_replicas.py`).
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

import lit_tf
from lit_tf import errors
from lit_tf.losses import distillation
from lit_tf.methods import distill, lit
from lit_tf.sections.sectioned_model import SectionedModel


def compiled(teacher, student, rate=0.1, **settings):
    trainer = lit.LIT(teacher, student, **settings)
    trainer.compile(keras.optimizers.SGD(rate), run_eagerly=True)
    return trainer


def softmax(z):
    exponentials = np.exp(z - z.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def kd_in_numpy(labels, teacher, student, alpha, tau):
    """Returns L_KD of each example and its gradient at the student's logits."""
    truth, target = np.eye(5)[labels], softmax(teacher / tau)
    hard = -np.sum(truth * np.log(softmax(student)), axis=1)
    soft = -np.sum(target * np.log(softmax(student / tau)), axis=1)
    value = alpha * hard + (1 - alpha) * tau**2 * soft
    gradient = alpha * (softmax(student) - truth)
    gradient += (1 - alpha) * tau * (softmax(student / tau) - target)
    return value, gradient


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 6.0, 20.0])
def test_kd_is_the_reference_in_value_and_gradient(close, alpha, temperature):
    random = np.random.default_rng(1)
    labels, *logits = [0, 4, 2, 1], *random.normal(scale=3.0, size=(2, 4, 5))
    z_t, z_s = (tf.Variable(z, dtype=tf.float32) for z in logits)
    with tf.GradientTape() as tape:
        value = distillation.kd(
            distillation.hard(tf.constant(labels), z_s),
            distillation.soft(z_t, z_s, temperature),
            alpha=alpha,
            temperature=temperature,
        )
    by_teacher, by_student = tape.gradient(value, [z_t, z_s])
    expected = kd_in_numpy(labels, *logits, alpha, temperature)
    close([value, by_student], list(expected), 1e-5, relative=True)
    assert by_teacher is None


def test_regularisers_are_part_of_the_reported_loss(dense, vectors, close):
    student = dense(2, kernel_regularizer=keras.regularizers.L2(0.5))
    trainer = compiled(dense(1), student)
    kernels = [section.get_weights()[0] for section in student.sections]
    expected = sum(0.5 * np.sum(np.square(kernel)) for kernel in kernels)
    reported = trainer.train_on_batch(*vectors(), return_dict=True)
    close(reported["loss"] - reported["total"], expected, 1e-5)


def test_regularisers_are_part_of_the_gradient(dense, vectors, close):
    teacher = dense(1)
    student = dense(2, kernel_regularizer=keras.regularizers.L2(0.5))
    student.set_weights(teacher.get_weights())  # Its penalties are 0.
    compiled(teacher, student, beta=0.0).train_on_batch(*vectors())
    for ours, theirs in zip(student.sections, teacher.sections, strict=True):
        kernel, moved = theirs.get_weights()[0], ours.get_weights()[0]
        close(moved, kernel - 0.1 * kernel, 1e-6)


def test_what_every_section_adds_to_the_loss_counts(dense, vectors, close):
    student = dense(2, activity_regularizer=keras.regularizers.L2(0.5))
    trainer = compiled(dense(1), student)
    x, y = vectors()
    expected, own = 0.0, trainer.student.stem(x)
    for section in student.sections:
        own = section(own)
        (added,) = section.losses  # Keras may scale it.
        expected += float(added)
    assert expected > 0
    reported = trainer.train_on_batch(x, y, return_dict=True)
    close(reported["loss"] - reported["total"], expected, 1e-5)


def test_a_weight_multiplies_its_examples_loss(dense, vectors, close):
    x, y = vectors(4)
    other = np.concatenate([x[:2], x[2:] + 1.0])
    weight = np.array([1.0, 1.0, 0.0, 0.0])
    moved, totals = [], []
    for data in (
        (x, y, weight),
        (other, y, weight),
        (x[:2], y[:2], np.full(2, 0.5)),
    ):
        trainer = compiled(dense(1), dense(2))
        totals.append(trainer.train_on_batch(*data, return_dict=True)["total"])
        moved.append(trainer.student.get_weights())
    close(totals[1:], totals[:1] * 2, 1e-6)
    for each in moved[1:]:
        close(each, moved[0], 1e-6)


def test_the_teacher_is_not_tracked(build):
    teacher = build("resnet14", seed=1)
    trainer = lit.LIT(teacher, build(seed=2))
    ours = {id(v) for v in trainer.variables}
    assert trainer.teacher is teacher
    assert not ours & {id(v) for v in teacher.variables}


def test_what_is_written_is_as_large_as_the_student(build, batch, tmp_path):
    trainer = compiled(build("resnet20", seed=1), build(seed=2))
    trainer.train_on_batch(*batch(4))
    for name, write in (
        ("model.keras", lambda model, path: model.save(path)),
        ("model.weights.h5", lambda model, path: model.save_weights(path)),
        ("saved_model", lambda model, path: model.export(path, verbose=False)),
    ):
        sizes = []
        for model in (trainer, trainer.student):
            (tmp_path / str(len(sizes))).mkdir(exist_ok=True)
            path = tmp_path / str(len(sizes)) / name
            write(model, path)
            files = [path] if path.is_file() else path.rglob("*")
            sizes.append(sum(f.stat().st_size for f in files if f.is_file()))
        assert sizes[0] == pytest.approx(sizes[1], rel=0.01)
    loaded = tf.saved_model.load(str(tmp_path / "0" / "saved_model"))
    assert len(loaded.variables) == len(trainer.student.variables)


def test_what_is_saved_trains_on(build, batch, tmp_path, close):
    teacher = build(seed=1)
    trainer = compiled(teacher, build(seed=2))
    trainer.train_on_batch(*batch(4))
    trainer.save(tmp_path / "student.keras")
    student = lit_tf.load(tmp_path / "student.keras")
    assert type(student) is SectionedModel
    close(student.get_weights(), trainer.student.get_weights(), 0.0)
    first, again = (
        compiled(teacher, each) for each in (trainer.student, student)
    )
    for each in (first, again):
        each.fit(*batch(4, seed=1), verbose=0)
    close(student.get_weights(), trainer.student.get_weights(), 1e-6)


@pytest.mark.parametrize("width", [1, 5])
def test_other_widths_are_refused_where_the_trainer_is_made(width):
    def model(width):
        sizes = (4, 6, width, 6)
        inputs = [keras.Input((size,)) for size in sizes]
        *sections, head = [
            keras.Model(x, keras.layers.Dense(size)(x))
            for x, size in zip(inputs[1:], (*sizes[2:], 3), strict=True)
        ]
        stem = keras.Model(inputs[0], keras.layers.Dense(6)(inputs[0]))
        return SectionedModel(stem, sections, head)

    message = rf"after section 1 .*teacher \(8,\), student \({width},\)"
    with pytest.raises(errors.SettingsError, match=message):
        lit.LIT(model(8), model(width))


@pytest.mark.parametrize("role", ["teacher", "student"])
@pytest.mark.parametrize("kind", [lit.LIT, distill.Distill])
@pytest.mark.parametrize(
    "last",
    [
        keras.layers.Softmax(name="probabilities"),
        keras.layers.Dense(3, "softmax", name="probabilities"),
    ],
    ids=["layer", "activation"],
)
def test_a_softmax_head_is_named(dense, kind, role, last):
    model, x = dense(2), keras.Input((6,))
    y = last(keras.layers.Dense(3)(x))
    ending = SectionedModel(
        model.stem, model.sections, keras.Model(x, y, name="head")
    )
    pair = {"teacher": dense(1), "student": dense(3), role: ending}
    with pytest.raises(errors.SettingsError, match=f"{role}.*'probabilities'"):
        kind(**pair)
