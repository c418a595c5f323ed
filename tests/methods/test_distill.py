"""`Distill` and `Teach`: training a whole student with and without teacher."""

import keras
import numpy as np
import pytest
import seeds
import tensorflow as tf

import lit_tf
from lit_tf import errors
from lit_tf.methods import distill


def classifier(seed, classes=3):
    seeds.set_all(seed)
    x = keras.Input((4,), name="x")
    return keras.Model(x, keras.layers.Dense(classes)(x))


def vectors(size=6):
    random = np.random.default_rng(0)
    x = random.normal(size=(size, 4)).astype("float32")
    return x, random.integers(0, 3, size).astype("int32")


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def reference(x, y, teacher, student, alpha, tau):
    """Returns hard, soft and L_KD, and the kernel's gradient of the last."""
    z_t, z_s, truth = teacher(x).numpy(), student(x).numpy(), np.eye(3)[y]
    target = softmax(z_t / tau)
    hard = -np.mean(np.sum(truth * np.log(softmax(z_s)), axis=1))
    soft = -np.mean(np.sum(target * np.log(softmax(z_s / tau)), axis=1))
    slope = alpha * (softmax(z_s) - truth)
    slope += (1 - alpha) * tau * (softmax(z_s / tau) - target)
    total = alpha * hard + (1 - alpha) * tau**2 * soft
    return hard, soft, total, x.T @ slope / len(x)


def test_a_step_equals_a_numpy_reference():
    teacher, student, (x, y) = classifier(1), classifier(2), vectors()
    hard, soft, total, slope = reference(x, y, teacher, student, 0.3, 4.0)
    kernel = student.get_weights()[0]
    model = distill.Distill(teacher, student, alpha=0.3, temperature=4.0)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    reported = model.train_on_batch(x, y, return_dict=True)
    assert set(reported) == {"hard", "soft", "total", "loss", "accuracy"}
    assert reported["hard"] == pytest.approx(hard, rel=1e-5)
    assert reported["soft"] == pytest.approx(soft, rel=1e-5)
    assert reported["total"] == pytest.approx(total, rel=1e-5)
    moved = student.get_weights()[0]
    np.testing.assert_allclose(moved, kernel - 0.1 * slope, atol=1e-6)


def test_the_whole_student_is_trained_and_the_teacher_is_not(build, batch):
    teacher, student = build("resnet14", seed=1), build(seed=2)
    before = [v.numpy() for v in (*teacher.variables, *student.variables)]
    model = distill.Distill(teacher, student)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    model.train_on_batch(*batch(8))
    after = [v.numpy() for v in (*teacher.variables, *student.variables)]
    count = len(teacher.variables)
    for place, (old, new) in enumerate(zip(before, after, strict=True)):
        assert np.array_equal(old, new) == (place < count)


def test_the_teacher_runs_in_inference_mode(build, batch):
    teacher, student = build(seed=1), build(seed=2)
    images, labels = batch(4)
    model = distill.Distill(teacher, student)
    terms, _ = model.terms(images, labels, training=True)
    z_t, z_s = teacher(images, training=False), student(images, training=True)
    targets = tf.nn.softmax(z_t / 6.0)
    expected = -tf.reduce_sum(targets * tf.nn.log_softmax(z_s / 6.0), axis=1)
    np.testing.assert_allclose(terms["soft"], expected, rtol=1e-4)


def test_models_without_sections_are_accepted():
    model = distill.Distill(classifier(1), classifier(2))
    model.compile(run_eagerly=True)
    assert len(model.trained_variables) == 2
    model.fit(*vectors(), verbose=0)


@pytest.mark.parametrize("classes", [1, 5])
def test_outputs_of_different_shapes_are_refused(classes):
    message = rf"teacher \(None, 3\), student \(None, {classes}\)"
    with pytest.raises(errors.SettingsError, match=message):
        distill.Distill(classifier(1), classifier(2, classes))


@pytest.mark.parametrize("bad", [{"alpha": 2.0}, {"temperature": -1.0}])
def test_a_setting_out_of_range_is_refused(bad):
    (name,) = bad
    with pytest.raises(errors.SettingsError, match=f"`{name}` must be"):
        distill.Distill(classifier(1), classifier(2), **bad)


def test_teach_equals_keras_training_on_labels():
    x, y = vectors()
    ours, theirs = classifier(1), classifier(1)
    model = lit_tf.Teach(ours)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    theirs.compile(
        keras.optimizers.SGD(0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,
    )
    reported = model.train_on_batch(x, y, return_dict=True)
    loss = theirs.train_on_batch(x, y)
    assert set(reported) == {"hard", "total", "loss", "accuracy"}
    assert reported["hard"] == reported["total"] == pytest.approx(loss)
    for value, expected in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_the_reported_accuracy_is_that_of_the_logits():
    x, y = vectors(8)
    model = lit_tf.Teach(classifier(1))
    model.compile(run_eagerly=True)
    reported = model.test_on_batch(x, y, return_dict=True)
    expected = np.mean(np.argmax(model.student(x), axis=1) == y)
    assert reported["accuracy"] == pytest.approx(expected)


@pytest.mark.parametrize("role", ["teacher", "student"])
@pytest.mark.parametrize("last", ["layer", "activation"])
def test_a_model_that_ends_in_a_softmax_is_refused(role, last):
    logits = classifier(1)
    end = (
        keras.layers.Softmax()
        if last == "layer"
        else keras.layers.Dense(3, activation="softmax")
    )
    probabilities = keras.Sequential([keras.Input((4,)), classifier(2), end])
    pair = {"teacher": logits, "student": logits, role: probabilities}
    with pytest.raises(errors.SettingsError, match=f"The {role} must return"):
        distill.Distill(**pair)
