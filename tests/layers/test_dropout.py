"""Dropout from 16 bits: rate, mean, seeds, and the cases left to Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lit_tf import layers
from lit_tf.layers.dropout import FastDropout

SHAPE = (64, 25, 41)  # An odd number of values.


def fast(layer):
    """Returns the fast layers of a model of a layer."""
    x = keras.Input(SHAPE[1:])
    return layers.FastLayers([keras.Model(x, layer(x))])


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_values_become_zero_at_the_rate_and_keep_their_mean(dtype):
    layer = keras.layers.Dropout(0.3, seed=1, dtype=dtype)
    with fast(layer).in_use():
        y = layer(tf.ones(SHAPE), training=True)
        again = layer(tf.ones(SHAPE), training=True)
    assert type(layer) is keras.layers.Dropout
    assert y.dtype == layer.compute_dtype
    y = np.asarray(y, "float32")
    assert len(np.unique(y)) == 2
    np.testing.assert_allclose(y.max(), 1 / 0.7, rtol=0.01)
    np.testing.assert_allclose((y == 0).mean(), 0.3, atol=0.01)
    np.testing.assert_allclose(y.mean(), 1.0, atol=0.02)
    kept = (y > 0).reshape(-1)
    # Neighbours share a word, and calls do not share bits.
    np.testing.assert_allclose((kept[:-1] & kept[1:]).mean(), 0.49, atol=0.01)
    both = kept & (np.asarray(again, "float32") > 0).reshape(-1)
    np.testing.assert_allclose(both.mean(), 0.49, atol=0.01)


def test_a_draw_follows_from_the_layers_seed():
    draws = []
    for _ in range(2):
        layer = keras.layers.Dropout(0.5, seed=3)
        with fast(layer).in_use():
            first = layer(tf.ones(SHAPE), training=True)
            draws.append([first, layer(tf.ones(SHAPE), training=True)])
    np.testing.assert_array_equal(*draws)


@pytest.mark.parametrize(
    ("settings", "training"),
    [
        ({"rate": 0.5}, False),
        ({"rate": 1e-6}, True),
        ({"rate": 1.0}, True),
        ({"rate": 0.5, "noise_shape": (None, 1, 41)}, True),
    ],
)
def test_other_cases_are_left_to_keras(settings, training):
    results = []
    for faster in (False, True):
        layer = keras.layers.Dropout(seed=3, **settings)
        found = fast(layer)
        with found.in_use() if faster else layers.FastLayers([]).in_use():
            assert isinstance(layer, FastDropout) is faster
            results.append(layer(tf.ones(SHAPE), training=training))
    np.testing.assert_array_equal(*results)


def test_the_layer_is_named_and_others_are_not():
    layer = keras.layers.Dropout(0.5)
    assert fast(layer).describe() == (
        "dropout     1 is drawn from fewer random bits in training steps"
    )
    for other in (keras.layers.Dropout(0.0), keras.layers.GaussianDropout(0.5)):
        assert fast(other).describe() == ""
