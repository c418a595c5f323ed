"""BatchNorm with the fused kernel, compared with Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lit_tf import layers

N = 6 * 4 * 5  # Values of a channel in a batch.


IMAGES, SEQUENCES = (6, 4, 5, 3), (6, 20, 3)
FUSED = pytest.mark.parametrize("shape", [IMAGES, SEQUENCES])


def values(shape):
    random = np.random.default_rng(0)
    return random.normal(2.0, 3.0, shape).astype("float32")


def both(shape, **settings):
    """Returns two BatchNorms with the same weights: Keras's and ours."""
    random = np.random.default_rng(1)
    pair = (
        keras.layers.BatchNormalization(**settings),
        layers.BatchNormalization(**settings),
    )
    for layer in pair:
        layer.build(shape)
    theirs, ours = pair
    theirs.set_weights(
        [random.uniform(0.5, 2.0, v.shape) for v in theirs.weights]
    )
    ours.set_weights(theirs.get_weights())
    return theirs, ours


@FUSED
def test_fused_batchnorm_computes_the_same_as_keras(shape):
    theirs, ours = both(shape, momentum=0.9, epsilon=1e-5)
    for training in (False, True):  # Training updates the statistics.
        expected = theirs(values(shape), training=training)
        result = ours(values(shape), training=training)
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


@FUSED
@pytest.mark.parametrize("training", [True, False])
def test_fused_batchnorm_has_the_gradients_of_keras(shape, training):
    towards = tf.constant(values(shape)[::-1])
    results = []
    for layer in both(shape):
        x = tf.Variable(values(shape))
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(layer(x, training=training) * towards)
        results.append(tape.gradient(value, [x, layer.gamma, layer.beta]))
    for expected, result in zip(*results, strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-3)


@FUSED
def test_fused_batchnorm_updates_mean_and_unbiased_variance(shape):
    theirs, ours = both(shape, momentum=0.9)
    before = ours.moving_variance.numpy()
    for layer in (theirs, ours):
        layer(values(shape), training=True)
    np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, rtol=1e-5)
    biased = theirs.moving_variance.numpy() - 0.9 * before
    unbiased = ours.moving_variance.numpy() - 0.9 * before
    np.testing.assert_allclose(unbiased, biased * N / (N - 1), rtol=1e-4)


@FUSED
def test_batchnorm_is_fused_on_images_and_on_sequences(shape):
    _, ours = both(shape)
    graph = tf.function(lambda x: ours(x, training=True)).get_concrete_function(
        tf.TensorSpec((None, *shape[1:]))
    )
    kinds = [op.type for op in graph.graph.get_operations()]
    assert kinds.count("FusedBatchNormV3") == 1
    assert graph.output_shapes == (None, *shape[1:])


@FUSED
def test_batchnorm_updates_nothing_at_inference_or_when_frozen(shape):
    _, ours = both(shape)
    before = ours.get_weights()
    ours(values(shape), training=False)
    ours.trainable = False
    np.testing.assert_array_equal(
        ours(values(shape), training=True), ours(values(shape), training=False)
    )
    for old, new in zip(before, ours.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        ((8, 3), {}),
        ((8, 3, 3, 3), {"axis": 1}),
        ((8, 3, 3), {"axis": 1}),
        ((8, 4, 3), {"scale": False}),
    ],
)
def test_keras_computes_what_the_kernel_does_not_support(shape, settings):
    theirs, ours = both(shape, **settings)
    x = values(shape)
    expected = theirs(x, training=True)
    np.testing.assert_array_equal(ours(x, training=True), expected)
    for value, wanted in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_array_equal(value, wanted)


@FUSED
def test_batchnorm_under_mixed_bfloat16_keeps_float32_statistics(shape):
    theirs, ours = both(shape, dtype="mixed_bfloat16")
    result = ours(values(shape), training=True)
    expected = theirs(values(shape), training=True)
    assert result.dtype == tf.bfloat16
    assert {v.dtype for v in ours.weights} == {"float32"}
    np.testing.assert_allclose(
        tf.cast(result, tf.float32), tf.cast(expected, tf.float32), atol=0.1
    )
    np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, rtol=1e-2)


@FUSED
def test_batchnorm_under_mixed_float16_has_a_gradient(shape):
    _, ours = both(shape, dtype="mixed_float16")
    with tf.GradientTape() as tape:
        result = ours(values(shape), training=True)
        value = tf.reduce_sum(tf.cast(result, "float32"))
    assert result.dtype == tf.float16
    gradient = tape.gradient(value, ours.beta.value)
    np.testing.assert_allclose(gradient, [N] * 3, rtol=1e-3)
