"""Penalties: values, gradients and errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lit_tf import config
from lit_tf.losses import penalties

EVERY = pytest.mark.parametrize("name", sorted(penalties.PENALTIES))

TEACHER = [[1.0, 2.0], [0.0, 0.0], [5.0, -3.0]]
STUDENT = [[1.5, 2.0], [0.0, 0.0], [2.0, 1.0]]  # d = −½, 0; 0, 0; 3, −4


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("l1", [0.25, 0.0, 3.5]),
        ("l2", [0.125, 0.0, 12.5]),
        # mean T² = (5 + 0 + 34) / 6.
        ("l2_normalized", [0.125 / 6.5, 0.0, 12.5 / 6.5]),
        ("smooth_l1", [0.0625, 0.0, 3.0]),
    ],
)
def test_the_value_equals_the_one_by_hand(name, values):
    result = penalties.get(name)(tf.constant(TEACHER), tf.constant(STUDENT))
    np.testing.assert_allclose(result, values, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "gradient"),
    [
        ("l1", [[0.5, 0.0], [0.0, 0.0], [-0.5, 0.5]]),
        ("l2", [[0.5, 0.0], [0.0, 0.0], [-3.0, 4.0]]),
        ("l2_normalized", np.array([[0.5, 0], [0, 0], [-3, 4]]) / 6.5),
        ("smooth_l1", [[0.25, 0.0], [0.0, 0.0], [-0.5, 0.5]]),
    ],
)
def test_the_students_gradient_equals_the_one_by_hand(name, gradient):
    student = tf.Variable(STUDENT)
    with tf.GradientTape() as tape:
        value = penalties.get(name)(tf.constant(TEACHER), student)
    slope = tape.gradient(value, student)
    np.testing.assert_allclose(slope, gradient, rtol=1e-6)


@EVERY
def test_equal_representations_have_a_penalty_of_exactly_zero(name):
    same = tf.random.stateless_normal([3, 4, 4, 2], seed=(0, 1))
    np.testing.assert_array_equal(penalties.get(name)(same, same), [0, 0, 0])


def test_smooth_l1_changes_from_square_to_linear_at_1():
    distance = tf.constant([[0.5], [1.0], [1.5], [-3.0]])
    with tf.GradientTape() as tape:
        tape.watch(distance)
        value = penalties.smooth_l1(tf.zeros([4, 1]), distance)
    np.testing.assert_allclose(value, [0.125, 0.5, 1.0, 2.5])
    slopes = tape.gradient(value, distance)[:, 0]
    np.testing.assert_allclose(slopes, [0.5, 1.0, 1.0, -1.0])


@pytest.mark.parametrize(
    ("name", "distance"),
    [
        ("l1", np.abs),
        ("l2", np.square),
        ("smooth_l1", lambda d: np.where(abs(d) < 1, d * d / 2, abs(d) - 0.5)),
    ],
)
def test_the_mean_over_examples_is_the_mean_over_all_elements(name, distance):
    random = np.random.default_rng(0)
    teacher, student = random.normal(size=(2, 3, 4, 5, 2))
    result = penalties.get(name)(tf.constant(teacher), tf.constant(student))
    assert result.shape == (3,)
    expected = np.mean(distance(teacher - student))
    np.testing.assert_allclose(np.mean(result), expected, rtol=1e-6)


@EVERY
def test_half_precision_is_compared_in_float32(name):
    teacher = tf.fill([2, 64, 64], tf.constant(1e3, tf.float16))
    student = tf.Variable(-teacher)
    with tf.GradientTape() as tape:
        value = penalties.get(name)(teacher, student)
    assert value.dtype == tf.float32
    expected = {"l2": 4e6, "l2_normalized": 4.0}.get(name, 2e3)
    np.testing.assert_allclose(value, [expected] * 2, rtol=1e-3)
    assert np.isfinite(tape.gradient(value, student)).all()


@EVERY
@pytest.mark.parametrize("student", [(4, 1), (1, 3), (4, 3, 1), (3, 4)])
def test_different_shapes_are_refused_and_both_are_named(name, student):
    with pytest.raises(ValueError, match=r"\(4, 3\), student \(\d, \d"):
        penalties.get(name)(tf.zeros([4, 3]), tf.zeros(student))


def test_a_broadcast_is_refused_even_with_an_unknown_batch_size():
    def compare(teacher, student):
        return penalties.l2(teacher, student)

    specs = [tf.TensorSpec([None, size]) for size in (3, 1)]
    with pytest.raises(ValueError, match="tensors of the same shape"):
        tf.function(compare).get_concrete_function(*specs)


def test_a_normalized_penalty_does_not_depend_on_the_size_of_a_layer():
    teacher, student = tf.constant(TEACHER), tf.constant(STUDENT)
    one = penalties.l2_normalized(teacher, student)
    other = penalties.l2_normalized(1000 * teacher, 1000 * student)
    np.testing.assert_allclose(one, other, rtol=1e-6)
    zero = tf.zeros_like(teacher)
    assert np.isfinite(penalties.l2_normalized(zero, student)).all()


def test_every_penalty_in_the_settings_exists():
    assert set(config.PENALTIES) == set(penalties.PENALTIES)


def test_a_function_is_accepted_as_a_penalty():
    assert penalties.get(penalties.l1) is penalties.l1


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="l1, l2, l2_normalized, .*'l3'"):
        penalties.get("l3")


def test_a_loss_of_keras_distillation_is_a_penalty():
    theirs = penalties.get(keras.distillation.FeatureDistillation(loss="mse"))
    teacher, student = tf.constant(TEACHER), tf.Variable(STUDENT)
    with tf.GradientTape() as tape:
        results = tf.reduce_mean(theirs(teacher, student))
    gradient = tape.gradient(results, student)
    with tf.GradientTape() as tape:
        ours = tf.reduce_mean(penalties.l2(teacher, student))
    np.testing.assert_allclose(results, ours, rtol=1e-6)
    np.testing.assert_allclose(gradient, tape.gradient(ours, student))
    assert theirs(tf.cast(teacher, tf.float16), student).dtype == tf.float32


def test_a_users_distillation_loss_may_return_a_value_per_example():
    class Halved(keras.distillation.DistillationLoss):
        def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
            return tf.square(teacher_outputs - student_outputs) / 2

    results = penalties.get(Halved())(
        tf.constant(TEACHER), tf.constant(STUDENT)
    )
    np.testing.assert_allclose(results, [0.0625, 0.0, 6.25])
