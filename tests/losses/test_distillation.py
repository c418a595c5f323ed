"""Values and errors of losses (compared with NumPy: `exactness/`)."""

import numpy as np
import pytest
import tensorflow as tf

from lit_tf.losses import distillation


def logits(seed, size=4):
    return np.random.default_rng(seed).normal(scale=3.0, size=(size, 5))


def softmax(z):
    exponentials = np.exp(z - z.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def test_alpha_weighs_the_hard_label():
    hard, soft = tf.constant([1.0, 2.0]), tf.constant([10.0, 20.0])
    value = distillation.kd(hard, soft, alpha=0.9, temperature=1.0)
    np.testing.assert_allclose(value, [1.9, 3.8], rtol=1e-6)


def test_the_soft_loss_is_multiplied_by_the_temperature_squared():
    value = distillation.kd(
        tf.constant([0.0]), tf.constant([2.0]), alpha=0.5, temperature=3.0
    )
    np.testing.assert_allclose(value, [9.0])


def test_beta_weighs_kd():
    kd, ir = tf.constant([1.0, 2.0]), tf.constant([10.0, 20.0])
    np.testing.assert_allclose(distillation.lit(kd, ir, beta=0.75), [3.25, 6.5])
    np.testing.assert_array_equal(distillation.lit(kd, ir, beta=0.0), ir)


def test_the_hard_loss_of_equal_logits_is_the_logarithm_of_the_classes():
    value = distillation.hard(tf.constant([1, 3]), tf.zeros([2, 5]))
    np.testing.assert_allclose(value, np.log([5.0, 5.0]), rtol=1e-6)


def test_labels_may_be_a_column():
    z = tf.constant(logits(1), tf.float32)
    row = distillation.hard(tf.constant([0, 4, 2, 1]), z)
    column = distillation.hard(tf.constant([[0], [4], [2], [1]]), z)
    assert row.shape == (4,)
    np.testing.assert_array_equal(row, column)


def test_a_student_with_the_teachers_logits_has_no_soft_gradient():
    z = tf.Variable(logits(1), dtype=tf.float32)
    with tf.GradientTape() as tape:
        value = distillation.soft(tf.constant(z), z, 6.0)
    np.testing.assert_allclose(tape.gradient(value, z), 0, atol=1e-7)


def test_half_precision_logits_are_compared_in_float32():
    teacher = tf.constant([[1e3, -1e3, 0.0]], tf.float16)
    student = tf.constant([[-1e3, 1e3, 0.0]], tf.float16)
    for value, expected in (
        (distillation.hard(tf.constant([0]), student), 2e3),
        (distillation.soft(teacher, student, 0.01), 2e5),
    ):
        assert value.dtype == tf.float32
        np.testing.assert_allclose(value, [expected], rtol=1e-3)


@pytest.mark.parametrize("student", [(4, 1), (4, 8), (1, 5)])
def test_logits_of_different_shapes_are_refused(student):
    with pytest.raises(ValueError, match="teacher .*4, 5.*student"):
        distillation.soft(tf.zeros([4, 5]), tf.zeros(student), 6.0)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
@pytest.mark.parametrize("shape", [[3], [3, 1]])
def test_labels_may_have_any_dtype(dtype, shape):
    logits = tf.constant(np.random.default_rng(0).normal(size=(3, 4)))
    labels = np.array([2, 0, 3])
    np.testing.assert_array_equal(
        distillation.hard(labels.astype(dtype).reshape(shape), logits),
        distillation.hard(labels, logits),
    )


def test_one_hot_labels_are_class_numbers():
    z = tf.random.stateless_normal([4, 3], [1, 2])
    numbers = np.array([2, 0, 1, 1])
    np.testing.assert_allclose(
        distillation.hard(np.eye(3)[numbers], z),
        distillation.hard(numbers, z),
        rtol=1e-6,
    )


def test_labels_that_do_not_match_the_logits_are_refused():
    with pytest.raises(ValueError, match="as many classes as there are logits"):
        distillation.hard(np.eye(4), tf.zeros([4, 3]))
