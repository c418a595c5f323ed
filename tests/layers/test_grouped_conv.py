"""Grouped convolutions, compared with Keras, also in steps."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import seeds
import tensorflow as tf
from test_batch_norm import values

from lit_tf import layers
from lit_tf.layers import fast_layers

MIXED = pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])

GROUPED = pytest.mark.parametrize(
    "settings",
    [
        {"groups": 8, "padding": "same"},
        {"groups": 4, "strides": 2},
        {"groups": 3, "strides": 2, "padding": "same", "use_bias": False},
        {"groups": 2, "dilation_rate": 2},
        # Each channel is a group.
        {"groups": 4, "channels": 4, "padding": "same"},
        {"groups": 4, "channels": 4, "strides": 2},
        {"groups": 4, "channels": 4, "strides": (2, 1)},
        {"groups": 4, "channels": 4, "dilation_rate": 2},
    ],
)


def grouped(settings):
    """Returns Keras's grouped convolution, ours with its weights, images."""
    settings = dict(settings)
    channels = settings.pop("channels", 4 * settings["groups"])
    x = values((3, 8, 6, channels))
    seeds.set_all(0)
    theirs = keras.layers.Conv2D(2 * settings["groups"], 3, **settings)
    ours = layers.GroupedConv2D.from_config(theirs.get_config())
    theirs.build(x.shape)
    ours.build(x.shape)
    ours.set_weights(theirs.get_weights())
    return theirs, ours, x


@GROUPED
def test_a_grouped_convolution_computes_the_same_as_keras(settings):
    theirs, ours, x = grouped(settings)
    wanted = theirs(x)
    assert ours.compute_output_shape(x.shape) == wanted.shape
    for call in (ours, tf.function(ours)):
        np.testing.assert_allclose(call(x), wanted, rtol=1e-4, atol=1e-5)


@GROUPED
@pytest.mark.parametrize("run", [lambda f: f, tf.function])
def test_a_grouped_convolution_has_the_gradients_of_keras(settings, run):
    *both, x = grouped(settings)
    results = []
    for layer in both:

        @run
        def gradients(x, layer=layer):
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = tf.reduce_sum(tf.square(layer(x)))
            return tape.gradient(value, [x, *layer.trainable_variables])

        results.append(gradients(tf.constant(x)))
    for wanted, result in zip(*results, strict=True):
        np.testing.assert_allclose(result, wanted, rtol=1e-3, atol=1e-3)


def test_a_group_for_each_channel_is_a_depthwise_convolution():
    _, ours, x = grouped({"groups": 4, "channels": 4})
    graph = tf.function(ours).get_concrete_function(x).graph
    kinds = {op.type for op in graph.get_operations()}
    assert "DepthwiseConv2dNative" in kinds and "Conv2D" not in kinds


@pytest.mark.parametrize("channels", [16, 4])
@pytest.mark.parametrize("policy", ["mixed_float16", "float64"])
def test_a_dilated_convolution_has_gradients_in_every_dtype(policy, channels):
    *both, x = grouped(
        {
            "groups": 4,
            "channels": channels,
            "dilation_rate": 2,
            "dtype": policy,
        }
    )
    results = []
    for layer in both:
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(tf.cast(layer(x), tf.float32))
        results.append(tape.gradient(value, layer.kernel.value))
    np.testing.assert_allclose(*results, rtol=1e-2, atol=1e-2)


@MIXED
@pytest.mark.parametrize("channels", [32, 8])
def test_a_grouped_convolution_works_in_half_precision(policy, channels):
    _, ours, x = grouped({"groups": 8, "channels": channels, "dtype": policy})
    exact = layers.GroupedConv2D.from_config(
        ours.get_config() | {"dtype": "float32"}
    )
    exact.build(x.shape)
    exact.set_weights(ours.get_weights())
    results = []
    for layer in (ours, exact):
        with tf.GradientTape() as tape:
            outputs = layer(x)
            value = tf.reduce_sum(tf.cast(outputs, tf.float32))
        results.append((outputs, tape.gradient(value, layer.kernel.value)))
    (outputs, gradient), (wanted, desired) = results
    assert outputs.dtype == policy.removeprefix("mixed_")
    assert gradient.dtype == tf.float32
    np.testing.assert_allclose(tf.cast(outputs, "float32"), wanted, atol=0.2)
    np.testing.assert_allclose(gradient, desired, rtol=0.02, atol=2.0)


def test_a_grouped_convolution_is_not_fused_without_onednn():
    # A folded teacher has a bias and an activation after its convolutions.
    done = subprocess.run(
        [sys.executable, "-c", FUSED_GROUPS],
        env=os.environ | {"TF_ENABLE_ONEDNN_OPTS": "0"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def model_of(layer, shape):
    inputs = keras.Input(shape)
    return keras.Model(inputs, layer(inputs))


@pytest.mark.parametrize("groups", [2, 4])
def test_a_grouped_convolution_is_computed_by_tensorflow(groups):
    layer = keras.layers.Conv2D(8, 3, groups=groups)
    model = model_of(layer, (4, 5, 4))
    x = tf.constant(values((2, 4, 5, 4)))
    results = []
    for models in ([], [model]):
        fast = layers.FastLayers(models)

        @tf.function
        def gradients(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                outputs = layer(x)
                value = tf.reduce_sum(tf.square(outputs))
            return outputs, *tape.gradient(
                value, [x, *layer.trainable_variables]
            )

        with fast.in_use():
            traced = gradients.get_concrete_function(x)
        functions = str(traced.graph.as_graph_def().library)
        assert ("_XlaMustCompile" in functions) is not bool(models)
        results.append(traced(x))
    assert type(layer) is keras.layers.Conv2D
    assert fast.convolutions == (layer,)
    assert fast.describe() == (
        "grouped     1 convolution is computed by TensorFlow's own operations "
        "in training steps"
    )
    for expected, result in zip(*results, strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"groups": 2, "data_format": "channels_first"},
        {"groups": 2, "dilation_rate": 2},
    ],
)
def test_other_convolutions_are_left_to_keras(settings):
    model = model_of(keras.layers.Conv2D(8, 2, **settings), (4, 4, 4))
    assert layers.FastLayers([model]).describe() == ""


def test_a_grouped_convolution_is_left_to_keras_on_a_gpu(monkeypatch):
    monkeypatch.setattr(fast_layers, "_has_gpu", lambda: True)
    model = model_of(keras.layers.Conv2D(8, 2, groups=2), (4, 4, 4))
    assert layers.FastLayers([model]).convolutions == ()


FUSED_GROUPS = """
import keras, numpy, tensorflow
from lit_tf import layers

for groups in (4, 8):
    x = keras.Input((6, 6, 8))
    y = layers.GroupedConv2D(8, 3, groups=groups, bias_initializer="ones")(x)
    model = keras.Model(x, keras.layers.ReLU()(y))
    x = numpy.ones((2, 6, 6, 8), "float32")
    numpy.testing.assert_allclose(
        tensorflow.function(model)(x), model(x), rtol=1e-5
    )
"""
