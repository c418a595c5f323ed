"""Values, mixed precision and serialisation of the layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from test_batch_norm import values

from lit_tf import layers

MIXED = pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])


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


def test_only_kept_pixels_of_the_shortcut_have_a_gradient():
    x = tf.Variable(tf.ones([1, 2, 2, 1]))
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(layers.PadShortcut(3, 2)(x))
    expected = [[[[1], [0]], [[0], [0]]]]
    np.testing.assert_array_equal(tape.gradient(value, x), expected)


def sequence(*values):
    """Returns values as a sequence of one channel, `[1, length, 1]`."""
    return tf.reshape(tf.constant(values, tf.float32), [1, -1, 1])


def test_k_max_pooling_keeps_the_largest_values_in_their_order():
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
def test_k_max_pooling_is_separate_for_each_channel_and_example(dtype):
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


def test_attributes_follow_the_colours_of_every_pixel():
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


def test_attributes_are_finite_where_an_image_is_infinite():
    images = np.full((1, 2, 2, 3), np.inf, np.float32)
    result = layers.Attributes(("Male",))([images, np.ones((1, 1))])
    np.testing.assert_array_equal(result[..., 3:], np.ones((1, 2, 2, 1)))


@MIXED
def test_attributes_have_the_dtype_of_the_policy(policy):
    layer = layers.Attributes(("Male",), dtype=policy)
    result = layer([values((1, 2, 2, 3)), tf.ones([1, 1])])
    assert result.dtype == layer.compute_dtype != tf.float32
    assert np.all(result[..., 3] == 1)


def test_tanh_is_computed_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = layers.Float32("tanh")
    finally:
        keras.config.set_dtype_policy("float32")
    x = tf.constant([[0.70123, -1.30457]])
    result = layer(x)
    assert result.dtype == tf.float32
    np.testing.assert_allclose(result, np.tanh(x), atol=1e-6)
    # The input of the head may be bfloat16.
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
def test_every_layer_can_be_serialised(layer):
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
