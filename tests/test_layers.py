"""Layers: beside Keras's own, by value, under mixed precision."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from lit_tf import layers

MIXED = pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
N = 6 * 4 * 5  # what a channel's statistics are taken over
IMAGES, SEQUENCES = (6, 4, 5, 3), (6, 20, 3)
FUSED = pytest.mark.parametrize("shape", [IMAGES, SEQUENCES])


def values(shape):
    random = np.random.default_rng(0)
    return random.normal(2.0, 3.0, shape).astype("float32")


def both(shape, **settings):
    """Returns Keras's BatchNormalization and ours with its weights."""
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
def test_fused_batchnorm_answers_as_keras_does(shape):
    theirs, ours = both(shape, momentum=0.9, epsilon=1e-5)
    for training in (False, True):  # The latter moves the statistics.
        expected = theirs(values(shape), training=training)
        result = ours(values(shape), training=training)
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


@FUSED
@pytest.mark.parametrize("training", [True, False])
def test_fused_batchnorm_has_keras_gradients(shape, training):
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
def test_fused_batchnorm_records_the_mean_and_the_unbiased_variance(shape):
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
def test_batchnorm_records_nothing_in_inference_or_when_frozen(shape):
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
def test_what_the_kernel_cannot_compute_keras_computes(shape, settings):
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


@pytest.mark.parametrize(("height", "width"), [(4, 5), (3, 3)])
def test_the_shortcut_subsamples_and_pads_on_both_sides(height, width):
    x = np.arange(2.0 * height * width * 2).reshape(2, height, width, 2)
    layer = layers.PadShortcut(6, 2)
    result = layer(x.astype("float32"))
    assert result.shape == layer.compute_output_shape(x.shape)
    np.testing.assert_array_equal(result[..., 2:4], x[:, ::2, ::2])
    np.testing.assert_array_equal(result[..., :2], 0 * result[..., :2])
    np.testing.assert_array_equal(result[..., 4:], 0 * result[..., 4:])


def test_the_shortcut_subsamples_sequences_too():
    x = np.arange(2.0 * 5 * 2).reshape(2, 5, 2).astype("float32")
    layer = layers.PadShortcut(4, 2)
    result = layer(x)
    assert result.shape == layer.compute_output_shape(x.shape) == (2, 3, 4)
    np.testing.assert_array_equal(result[..., 1:3], x[:, ::2])
    assert not np.any(result[..., ::3])


def test_the_shortcut_passes_the_gradient_of_what_it_kept():
    x = tf.Variable(tf.ones([1, 2, 2, 1]))
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(layers.PadShortcut(3, 2)(x))
    expected = [[[[1], [0]], [[0], [0]]]]
    np.testing.assert_array_equal(tape.gradient(value, x), expected)


def sequence(*values):
    """Returns values as a text of one channel, `[1, length, 1]`."""
    return tf.reshape(tf.constant(values, tf.float32), [1, -1, 1])


def test_k_max_pooling_keeps_the_largest_in_their_order():
    result = layers.KMaxPool(3)(sequence(2, 9, -1, 5, 7, 0))
    np.testing.assert_array_equal(np.ravel(result), [9, 5, 7])


def test_k_max_pooling_keeps_the_first_of_equal_values():
    x = tf.Variable(sequence(0, 1, 0, 1, 1, 0, 1))
    with tf.GradientTape() as tape:
        kept = layers.KMaxPool(3)(x)
        value = tf.reduce_sum(kept * sequence(2, 3, 4))
    gradient = np.ravel(tape.gradient(value, x))
    np.testing.assert_array_equal(gradient, [0, 2, 0, 3, 4, 0, 0])
    kept = layers.KMaxPool(5)(x)
    np.testing.assert_array_equal(np.ravel(kept), [0, 1, 1, 1, 1])


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_k_max_pooling_is_of_each_channel_and_example(dtype):
    x = values((4, 9, 3))
    layer = layers.KMaxPool(4, dtype=dtype)
    graph = tf.function(layer)
    result = graph(tf.cast(x, dtype))
    assert result.dtype == dtype
    assert result.shape == layer.compute_output_shape(x.shape) == (4, 4, 3)
    x = tf.cast(tf.cast(x, dtype), tf.float32).numpy()
    for example in range(4):
        for channel in range(3):
            places = np.argsort(-x[example, :, channel], kind="stable")[:4]
            np.testing.assert_array_equal(
                tf.cast(result[example, :, channel], tf.float32),
                x[example, np.sort(places), channel],
            )


GROUPED = pytest.mark.parametrize(
    "settings",
    [
        {"groups": 8, "padding": "same"},
        {"groups": 4, "strides": 2},
        {"groups": 3, "strides": 2, "padding": "same", "use_bias": False},
        {"groups": 2, "dilation_rate": 2},
    ],
)


def grouped(settings):
    """Returns Keras's convolution in groups, ours with its weights, images."""
    x = values((3, 8, 6, 4 * settings["groups"]))
    keras.utils.set_random_seed(0)
    theirs = keras.layers.Conv2D(2 * settings["groups"], 3, **settings)
    ours = layers.GroupedConv2D.from_config(theirs.get_config())
    theirs.build(x.shape)
    ours.build(x.shape)
    ours.set_weights(theirs.get_weights())
    return theirs, ours, x


@GROUPED
def test_a_convolution_in_groups_answers_as_keras_does(settings):
    theirs, ours, x = grouped(settings)
    wanted = theirs(x)
    assert ours.compute_output_shape(x.shape) == wanted.shape
    for call in (ours, tf.function(ours)):
        np.testing.assert_allclose(call(x), wanted, rtol=1e-4, atol=1e-5)


@GROUPED
@pytest.mark.parametrize("run", [lambda f: f, tf.function])
def test_a_convolution_in_groups_has_keras_gradients(settings, run):
    *both, x = grouped(settings)
    found = []
    for layer in both:

        @run
        def gradients(x, layer=layer):
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = tf.reduce_sum(tf.square(layer(x)))
            return tape.gradient(value, [x, *layer.trainable_variables])

        found.append(gradients(tf.constant(x)))
    for wanted, result in zip(*found, strict=True):
        np.testing.assert_allclose(result, wanted, rtol=1e-3, atol=1e-3)


@MIXED
def test_a_convolution_in_groups_computes_and_differentiates_in_half(policy):
    _, ours, x = grouped({"groups": 8, "dtype": policy})
    exact = layers.GroupedConv2D.from_config(
        ours.get_config() | {"dtype": "float32"}
    )
    exact.build(x.shape)
    exact.set_weights(ours.get_weights())
    found = []
    for layer in (ours, exact):
        with tf.GradientTape() as tape:
            answer = layer(x)
            value = tf.reduce_sum(tf.cast(answer, tf.float32))
        found.append((answer, tape.gradient(value, layer.kernel.value)))
    (answer, gradient), (wanted, desired) = found
    assert answer.dtype == policy.removeprefix("mixed_")
    assert gradient.dtype == tf.float32
    np.testing.assert_allclose(tf.cast(answer, "float32"), wanted, atol=0.2)
    np.testing.assert_allclose(gradient, desired, rtol=0.02, atol=2.0)


def test_a_convolution_in_groups_is_not_fused_where_there_is_no_kernel():
    # Without oneDNN, and with what follows a convolution in a folded teacher.
    done = subprocess.run(
        [sys.executable, "-c", FUSED_GROUPS],
        env=os.environ | {"TF_ENABLE_ONEDNN_OPTS": "0"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]


FUSED_GROUPS = """
import keras, numpy, tensorflow
from lit_tf import layers

x = keras.Input((6, 6, 8))
y = layers.GroupedConv2D(8, 3, groups=4, bias_initializer="ones")(x)
model = keras.Model(x, keras.layers.ReLU()(y))
x = numpy.ones((2, 6, 6, 8), "float32")
numpy.testing.assert_allclose(
    tensorflow.function(model)(x), model(x), rtol=1e-5
)
"""


def test_normalize_subtracts_the_mean_and_divides_by_the_std():
    layer = layers.Normalize((1.0, 2.0), (2.0, 4.0))
    result = layer(tf.constant([[3.0, 10.0], [1.0, -2.0]]))
    np.testing.assert_array_equal(result, [[1.0, 2.0], [0.0, -1.0]])


@MIXED
def test_normalize_and_float32_compute_in_float32_under_any_policy(policy):
    keras.config.set_dtype_policy(policy)
    try:
        ends = (layers.Normalize((100.1,), (3.0,)), layers.Float32())
    finally:
        keras.config.set_dtype_policy("float32")
    for layer in ends:
        again = type(layer).from_config(layer.get_config())
        for each in (layer, again):
            assert each.compute_dtype == "float32"
            assert each(tf.constant([[100.2]])).dtype == tf.float32
    exact = ends[0](tf.constant([[100.2]]))
    np.testing.assert_allclose(exact, [[0.1 / 3]], rtol=1e-3)


def test_attributes_stand_behind_the_colours_at_every_pixel():
    images = values((2, 3, 4, 3))
    target = np.array([[1, 0], [0, 0.5]], np.float32)
    layer = layers.Attributes(("Male", "Young"))
    result = layer([images, target])
    shapes = [images.shape, target.shape]
    assert result.shape == layer.compute_output_shape(shapes) == (2, 3, 4, 5)
    np.testing.assert_array_equal(result[..., :3], images)
    for i in range(2):
        everywhere = np.broadcast_to(target[i], (3, 4, 2))
        np.testing.assert_array_equal(result[i, ..., 3:], everywhere)


def test_attributes_stand_also_where_a_picture_is_infinite():
    images = np.full((1, 2, 2, 3), np.inf, np.float32)
    result = layers.Attributes(("Male",))([images, np.ones((1, 1))])
    np.testing.assert_array_equal(result[..., 3:], np.ones((1, 2, 2, 1)))


@MIXED
def test_attributes_are_of_the_policys_type(policy):
    layer = layers.Attributes(("Male",), dtype=policy)
    result = layer([values((1, 2, 2, 3)), tf.ones([1, 1])])
    assert result.dtype == layer.compute_dtype != tf.float32
    assert np.all(result[..., 3] == 1)


def test_a_tanh_in_float32_has_all_its_digits():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = layers.Float32("tanh")
    finally:
        keras.config.set_dtype_policy("float32")
    x = tf.constant([[0.70123, -1.30457]])
    result = layer(x)
    assert result.dtype == tf.float32
    np.testing.assert_allclose(result, np.tanh(x), atol=1e-6)
    # As it would be of what a convolution says in bfloat16.
    half = layer(tf.cast(x, tf.bfloat16))
    assert half.dtype == tf.float32
    np.testing.assert_allclose(
        half, np.tanh(tf.cast(tf.cast(x, tf.bfloat16), tf.float32)), atol=1e-6
    )


@pytest.mark.parametrize(
    "layer",
    [
        layers.Normalize((1.0, 2.0), (3.0, 4.0), name="normalize"),
        layers.Float32(name="logits"),
        layers.Float32("tanh", name="image"),
        layers.Attributes(("Male", "Young"), name="attributes"),
        layers.PadShortcut(6, 2, name="shortcut"),
        layers.KMaxPool(8, name="k_max"),
        layers.GroupedConv2D(16, 3, groups=8, name="conv"),
        layers.Characters("abc", 14, name="characters"),
        layers.BatchNormalization(momentum=0.9, name="norm"),
    ],
)
def test_every_layer_survives_serialisation(layer):
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
