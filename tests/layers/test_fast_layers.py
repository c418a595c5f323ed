"""Twins of Keras's BatchNormalization: equal results, and only in a step."""

import copy
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from lit_tf import layers
from lit_tf.layers import dropout, fast_layers, replaced
from lit_tf.training import devices

SHAPES = [(6, 7, 3), (6, 4, 5, 3), (4, 2, 3, 5, 3)]
RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _any_size(monkeypatch):
    """Fuses layers that are too small to be faster."""
    monkeypatch.setattr(fast_layers, "_LEAST_VALUES", 0)


def norm(shape=(6, 4, 5, 3), **settings):
    """Returns a built layer of Keras with weights, and a model of it."""
    inputs = keras.Input(shape[1:])
    layer = keras.layers.BatchNormalization(momentum=0.7, **settings)
    model = keras.Model(inputs, layer(inputs))
    random = np.random.default_rng(1)
    layer.set_weights(
        [random.uniform(0.5, 2.0, v.shape) for v in layer.weights]
    )
    return layer, model


def trained(layer, x):
    """Returns outputs, gradients and statistics of two training calls."""
    x = tf.Variable(x)
    for _ in range(2):
        with tf.GradientTape() as tape:
            outputs = layer(x, training=True)
            value = tf.reduce_sum(outputs * x[::-1])
        gradients = tape.gradient(value, [x, *layer.trainable_variables])
    return [outputs, *gradients, *map(tf.convert_to_tensor, layer.variables)]


@pytest.mark.parametrize(
    ("shape", "settings"),
    [(shape, {}) for shape in SHAPES]
    + [
        (SHAPES[0], {"scale": False, "center": False}),
        (SHAPES[1], {"scale": False}),
        (SHAPES[1], {"center": False, "synchronized": True}),
        (SHAPES[1], {"trainable": False}),
    ],
)
def test_a_twin_trains_and_infers_as_keras_does(shape, settings):
    x = RANDOM.normal(2.0, 3.0, shape).astype("float32")
    results = []
    for fast in (False, True):
        layer, model = norm(shape, **settings)
        twins = layers.FastLayers([model] if fast else [])
        with twins.in_use():
            assert isinstance(layer, layers.BatchNormalization) is fast
            results.append([*trained(layer, x), layer(x, training=False)])
    for expected, result in zip(*results, strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)


def test_a_small_epsilon_is_not_raised():
    x = 1e-3 * RANDOM.normal(2.0, 3.0, SHAPES[1]).astype("float32")
    results = []
    for fast in (False, True):
        layer, model = norm(epsilon=1e-9)
        with layers.FastLayers([model] if fast else []).in_use():
            results.append(layer(x, training=True))
    np.testing.assert_allclose(*results, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_twin_records_the_statistics_of_keras_in_half_precision(policy):
    x = RANDOM.normal(2.0, 3.0, (6, 4, 5, 3)).astype("float32")
    results = []
    for fast in (False, True):
        layer, model = norm(dtype=policy)
        with layers.FastLayers([model] if fast else []).in_use():
            outputs = layer(x, training=True)
        assert outputs.dtype == layer.compute_dtype
        results.append([layer.moving_mean, layer.moving_variance])
    for expected, result in zip(*results, strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-5)


class Own(keras.layers.BatchNormalization):
    """A class of a user."""


def masked():
    x = inputs = keras.Input((5,))
    x = keras.layers.Embedding(9, 3, mask_zero=True)(x)
    return keras.Model(inputs, keras.layers.BatchNormalization()(x))


def model_of(layer, shape=(4, 5, 3)):
    inputs = keras.Input(shape)
    return keras.Model(inputs, layer(inputs))


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (lambda: model_of(Own()), "of class Own"),
        (masked, "masked inputs"),
        (lambda: norm(renorm=True)[1], "renorm=True"),
        (lambda: norm(dtype="float64")[1], "dtype float64"),
        (lambda: norm(dtype="bfloat16")[1], "dtype bfloat16"),
        (lambda: norm(axis=1)[1], "channels are not the last axis"),
        (lambda: norm((6, 3))[1], "rank 2, at which Keras is as fast"),
    ],
)
def test_a_layer_without_a_twin_is_named_with_the_reason(model, reason):
    model = model()
    found = layers.FastLayers([model])
    name = model.layers[-1].name
    assert not found.twins
    assert found.describe() == (
        "batch norm  0 of 1 layers are fused in training steps; not "
        f"{name} ({reason})"
    )


def test_small_layers_are_left_to_keras_and_open_sizes_are_not(monkeypatch):
    monkeypatch.setattr(fast_layers, "_LEAST_VALUES", 60)
    for shape, text in (
        ((4, 5, 3), "1 of 1 layers are fused"),
        ((None, 5, 2), "1 of 1 layers are fused"),
        ((4, 5, 2), "(below 60 values, at which Keras is as fast)"),
    ):
        _, model = norm((6, *shape))
        assert text in layers.FastLayers([model]).describe()


def test_two_users_of_a_layer_may_overlap():
    norm = keras.layers.BatchNormalization()
    model = keras.Sequential([keras.Input((16, 16, 16)), norm])
    outer = layers.FastLayers([model])
    with outer.in_use():
        inner = layers.FastLayers([model])
        assert inner.twins == outer.twins == (norm,)
        with inner.in_use():
            pass
        assert type(norm) is not keras.layers.BatchNormalization
    assert type(norm) is keras.layers.BatchNormalization


def test_an_interruption_on_the_way_in_leaves_nothing_replaced(monkeypatch):
    layers_ = [keras.layers.Dropout(0.5) for _ in range(3)]
    replace, names = replaced._replace, []

    def interrupted(owner, name, value):
        names.append(name)
        if names[2:]:
            raise KeyboardInterrupt
        replace(owner, name, value)

    monkeypatch.setattr(replaced, "_replace", interrupted)
    values = [(x, "__class__", dropout.FastDropout) for x in layers_]
    with pytest.raises(KeyboardInterrupt):
        with replaced.Replaced(values).in_use():
            raise AssertionError("It was not interrupted.")
    assert {type(x) for x in layers_} == {keras.layers.Dropout}
    assert not replaced._originals


def test_our_own_layer_is_none_of_those_that_are_counted():
    found = layers.FastLayers([model_of(layers.BatchNormalization())])
    assert found.describe() == ""


class Block(keras.layers.Layer):
    """A layer that hides a norm."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm = keras.layers.BatchNormalization()

    def build(self, shape):
        self.norm.build(shape)

    def call(self, x, training=None):
        return x + self.norm(x, training=training)


def test_a_norm_in_a_layer_of_a_user_is_fused():
    block = Block()
    model = model_of(block)
    twins = layers.FastLayers([model, model])
    assert twins.twins == (block.norm,)
    step = tf.function(lambda x: model(x, training=True))
    with twins.in_use():
        graph = step.get_concrete_function(tf.TensorSpec((None, 4, 5, 3))).graph
    kinds = [op.type for op in graph.get_operations()]
    assert "FusedBatchNormV3" in kinds


def test_a_mask_that_a_layer_passes_itself_is_left_to_keras():
    x = RANDOM.normal(size=(4, 7, 3)).astype("float32")
    mask = np.arange(7) < np.array([[7], [3], [5], [1]])
    results = []
    for fast in (False, True):
        layer, model = norm((4, 7, 3))
        with layers.FastLayers([model] if fast else []).in_use():
            results.append(layer(x, training=True, mask=mask))
    np.testing.assert_array_equal(*results)


def test_a_model_has_its_own_layers_again_after_the_last_step_that_ends():
    layer, model = norm()
    twins = layers.FastLayers([model])
    config = copy.deepcopy(model.get_config())
    with pytest.raises(ZeroDivisionError), twins.in_use():
        1 / 0  # noqa: B018
    assert type(layer) is keras.layers.BatchNormalization
    # Replicas trace a step in threads: one may end before another begins.
    inside, go_on = threading.Event(), threading.Event()

    def trace():
        with twins.in_use():
            inside.set()
            go_on.wait(10)

    other = threading.Thread(target=trace)
    with twins.in_use():
        other.start()
        inside.wait(10)
    assert type(layer) is not keras.layers.BatchNormalization
    go_on.set()
    other.join(10)
    assert type(layer) is keras.layers.BatchNormalization
    assert model.get_config() == config


@pytest.fixture(scope="module")
def mirrored():
    """Two replicas; sums of two strategies in one process would mix."""
    return devices.strategy("mirrored")


@pytest.mark.parametrize("synchronized", [False, True])
def test_replicas_share_the_statistics_of_a_twin(mirrored, synchronized):
    x = RANDOM.normal(2.0, 3.0, (8, 4, 5, 3)).astype("float32")
    with mirrored.scope():
        layer, model = norm(synchronized=synchronized)
    *_, mean, variance = (v.numpy() for v in layer.variables)
    parts = mirrored.experimental_distribute_values_from_function(
        lambda context: tf.constant(
            np.split(x, 2)[context.replica_id_in_sync_group]
        )
    )
    step = tf.function(lambda x: mirrored.run(layer, (x,), {"training": True}))
    with layers.FastLayers([model]).in_use():
        step(parts)
    halves = [x] if synchronized else np.split(x, 2)
    for variable, before, values in (
        (layer.moving_mean, mean, [z.mean((0, 1, 2)) for z in halves]),
        (layer.moving_variance, variance, [z.var((0, 1, 2)) for z in halves]),
    ):
        expected = 0.7 * before + 0.3 * np.mean(values, 0)
        for value in mirrored.experimental_local_results(variable.value):
            np.testing.assert_allclose(value, expected, rtol=1e-5)
