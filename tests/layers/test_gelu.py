"""The compiled GELU: Keras's values, and both derivatives."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from lit_tf import layers
from lit_tf.layers import gelu

VALUES = np.r_[np.linspace(-9, 9, 361), -1e30, -1e4, -20, 20, 1e4, 1e30]


def derivatives(function, x):
    """Returns the value and both derivatives at each place."""
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = function(x)
        first = inner.gradient(y, x)
    return y, first, outer.gradient(first, x)


@pytest.mark.parametrize("approximate", [False, True])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 2e-6), ("bfloat16", 2**-7)]
)
def test_values_and_derivatives_are_those_of_keras(
    dtype, tolerance, approximate
):
    x = tf.constant(VALUES, dtype)
    how = {"approximate": approximate}
    of_keras = functools.partial(keras.activations.gelu, **how)
    exact = derivatives(of_keras, tf.cast(x, tf.float64))
    found = derivatives(functools.partial(gelu.gelu, **how), x)
    for expected, result in zip(exact, found, strict=True):
        assert result.dtype == x.dtype
        np.testing.assert_allclose(
            tf.cast(result, tf.float64),
            expected,
            rtol=tolerance,
            atol=tolerance,
        )


def model_of(activation, **settings):
    x = keras.Input((5,))
    layer = keras.layers.Dense(4, activation=activation, **settings)
    return layer, keras.Model(x, layer(x))


@pytest.mark.parametrize("activation", ["gelu", keras.activations.gelu])
def test_a_layer_computes_it_in_a_step_alone(activation):
    layer, model = model_of(activation)
    before, own = layer.get_config(), layer.activation
    fast = layers.FastLayers([model, model])
    outer = layers.FastLayers([model])
    with outer.in_use(), fast.in_use():
        assert layer.activation is gelu.gelu
        assert layers.FastLayers([model]).activations == (layer,)
    assert layer.activation is own
    assert layer.get_config() == before
    assert fast.describe() == "GELU        1 is compiled in training steps"


@keras.saving.register_keras_serializable("keras_hub", "gelu_approximate")
def gelu_approximate(x):
    """Is registered as that of KerasHub."""
    return keras.activations.gelu(x, approximate=True)


def test_the_approximation_of_keras_hub_is_compiled():
    layer, model = model_of(gelu_approximate)
    x = np.linspace(-3, 3, 10, dtype="float32").reshape(2, 5)
    expected = layer(x)
    fast = layers.FastLayers([model])
    with fast.in_use():
        assert layer.activation is gelu.approximate_gelu
        assert layers.FastLayers([model]).activations == (layer,)
        np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-6)
    assert layer.activation is gelu_approximate


def test_other_activations_are_left_alone():
    def approximate(x):
        return keras.activations.gelu(x, approximate=True)

    for activation, settings in (
        ("relu", {}),
        (approximate, {}),
        ("gelu", {"dtype": "float64"}),
    ):
        _, model = model_of(activation, **settings)
        assert layers.FastLayers([model]).describe() == ""


def test_without_a_compiler_keras_computes_it(monkeypatch):
    monkeypatch.setattr(layers.fast_layers, "can_compile", lambda: False)
    _, model = model_of("gelu")
    assert not layers.FastLayers([model]).activations


@pytest.mark.parametrize(
    "x",
    [
        tf.constant([0.5], tf.float64),
        keras.Variable([0.5]),
        keras.KerasTensor((None, 3)),
    ],
    ids=["float64", "a variable", "symbolic"],
)
def test_what_is_not_compiled_is_computed_as_keras_does(x):
    result, expected = gelu.gelu(x), keras.activations.gelu(x)
    assert result.dtype == expected.dtype and result.shape == expected.shape
    if not isinstance(x, keras.KerasTensor):
        np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_open_shapes_are_left_to_keras():
    def compiled(shape):
        graph = tf.function(gelu.gelu).get_concrete_function(
            tf.TensorSpec(shape)
        )
        return all(op.type != "Erfc" for op in graph.graph.get_operations())

    assert compiled((None, 3)) and not compiled((2, None))
    with pytest.raises(ValueError, match="float"):
        gelu.gelu(tf.constant([1]))
