"""A final softmax or sigmoid is found and removed in every form."""

import keras
import numpy as np
import pytest
import seeds
import tensorflow as tf

import lit_tf
from lit_tf import errors
from lit_tf.sections import model_files, softmax
from lit_tf.sections.sectioned_model import SectionedModel

WAYS = ("dense", "activation", "layer", "operation", "nested", "head")
L = keras.layers


def ending(way, x):
    """Returns outputs with a softmax, in one of several ways."""
    if way == "dense":
        return keras.layers.Dense(3, activation="softmax", name="last")(x)
    y = keras.layers.Dense(3)(x)
    if way == "activation":
        return keras.layers.Activation("softmax")(y)
    if way == "layer":
        return keras.layers.Softmax()(y)
    return keras.ops.softmax(y)


def functional(way):
    x = keras.Input((4,))
    y = keras.layers.Dense(5, activation="relu")(x)
    if way == "nested":
        y = functional("dense")(keras.layers.Dense(4)(y))
    else:
        y = ending(way, y)
    return keras.Model(x, y, name="model")


def make(way):
    seeds.set_all(0)
    if way != "head":
        return functional(way)
    stem, section = (
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
        for _ in range(2)
    )
    return SectionedModel(
        stem, [section], functional("layer"), name="model", facts={"a": 1}
    )


@pytest.mark.parametrize("way", WAYS)
def test_the_softmax_of_the_logits_is_the_output_of_the_model(way, tmp_path):
    model = make(way)
    x = np.random.default_rng(0).normal(size=(9, 4)).astype("float32")
    answers = model.predict(x, verbose=0)
    logits = softmax.logits(model)
    assert softmax.ends(model) and not softmax.ends(logits)
    assert logits.name == "model"
    assert getattr(logits, "facts", {"a": 1}) == {"a": 1}
    assert isinstance(logits, SectionedModel) == (way == "head")
    logits.save(tmp_path / "logits.keras")
    for same in (logits, model_files.load(tmp_path / "logits.keras")):
        ours = same.predict(x, verbose=0)
        assert np.abs(ours.sum(1) - 1).min() > 1e-3
        np.testing.assert_array_equal(ours.argmax(1), answers.argmax(1))
        np.testing.assert_allclose(
            keras.ops.softmax(ours), answers, rtol=1e-5, atol=1e-6
        )


def test_the_softmax_of_a_sequential_model_is_removed():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    assert softmax.logits(model) is model
    model.add(keras.layers.Softmax())
    x = np.ones((1, 4), "float32")
    np.testing.assert_array_equal(softmax.logits(model)(x), model.layers[0](x))


def chain(*layers):
    seeds.set_all(0)
    y = x = keras.Input((4,))
    for layer in layers:
        y = layer(y)
    return keras.Model(x, y, name="model")


def nested(*layers, **arguments):
    """Returns a function that calls a nested model of some layers."""
    return lambda x: chain(*layers)(x, **arguments)


# By name: layers after which the output is a probability, softmax first.
HIDDEN = {
    "cast": lambda: [L.Dense(3, "softmax"), lambda x: keras.ops.cast(x, float)],
    "linear": lambda: [L.Dense(3, "softmax"), L.Activation("linear")],
    "identity": lambda: [L.Softmax(), L.Identity(), L.Dropout(0.5)],
    "shapes": lambda: [
        keras.ops.softmax,
        L.Reshape((2, 2)),
        L.Flatten(),
        lambda x: keras.ops.reshape(x, (-1, 4)),
    ],
    "function": lambda: [L.Dense(3, activation=tf.nn.softmax)],
    "functional": lambda: [L.Activation(keras.ops.softmax), L.Identity()],
    "lambda": lambda: [L.Lambda(tf.nn.softmax)],
    "nested": lambda: [
        nested(L.Dense(3, "softmax"), L.Identity()),
        L.Flatten(),
    ],
    "called": lambda: [nested(L.Dense(3, "softmax"), training=False)],
    "before a model": lambda: [L.Softmax(), nested(L.Identity())],
    "sigmoid": lambda: [L.Dense(3, "sigmoid"), L.Identity()],
    "sigmoid operation": lambda: [L.Dense(1), keras.ops.sigmoid, L.Flatten()],
    "sigmoid function": lambda: [L.Activation(tf.sigmoid)],
}


@pytest.mark.parametrize("way", HIDDEN)
def test_a_probability_is_found_behind_operations_that_keep_its_values(way):
    model = chain(*HIDDEN[way]())
    kind = "sigmoid" if "sigmoid" in way else "softmax"
    assert softmax.activation(model) == kind
    with pytest.raises(errors.SettingsError, match=f"applies a {kind}. Remove"):
        lit_tf.Distill(model, model)
    logits = softmax.logits(model)
    assert not softmax.activation(logits)
    x = np.random.default_rng(0).normal(size=(9, 4)).astype("float32")
    np.testing.assert_allclose(
        getattr(keras.ops, kind)(logits(x)), model(x), rtol=1e-5, atol=1e-6
    )


def test_every_output_returns_logits():
    x = keras.Input((4,))
    outputs = {
        "kind": L.Dense(3, "softmax")(x),
        "size": L.Dense(1)(x),
        "marks": L.Identity()(L.Dense(2, "sigmoid")(x)),
    }
    model = keras.Model(x, outputs)
    logits = softmax.logits(model)
    x = np.ones((2, 4), "float32")
    z, p = logits(x), model(x)
    assert z.keys() == p.keys()
    np.testing.assert_allclose(keras.ops.softmax(z["kind"]), p["kind"], 1e-5)
    np.testing.assert_array_equal(z["size"], p["size"])
    np.testing.assert_allclose(keras.ops.sigmoid(z["marks"]), p["marks"], 1e-5)


@pytest.mark.parametrize("last", ["log_softmax", "relu", "tanh", None])
def test_another_activation_is_not_removed(last):
    model = chain(L.Dense(3, activation=last))
    assert not softmax.activation(model)
    assert softmax.logits(model) is model
    lit_tf.Distill(model, chain(L.Dense(3)))


@pytest.mark.parametrize("at", [0, 1])
def test_only_the_output_of_a_nested_model_that_is_used_counts(at):
    x, y = keras.Input((4,)), keras.Input((4,))
    z = keras.layers.Add()([x, y])
    inner = keras.Model(
        [x, y],
        [
            keras.layers.Dense(3)(z),
            keras.layers.Dense(3, activation="softmax")(z),
        ],
    )
    start = keras.Input((4,))
    twice = keras.layers.Rescaling(2.0)(start)
    model = keras.Model(start, inner([start, twice])[at])
    assert softmax.ends(model) == bool(at)
    x = np.random.default_rng(0).normal(size=(5, 4))
    logits = softmax.logits(model)(x)
    answers = keras.ops.softmax(logits) if at else logits
    np.testing.assert_allclose(answers, model(x), rtol=1e-5, atol=1e-6)


def two_heads(first, second):
    x = keras.Input((4,))
    ends = [L.Dense(3, activation=one)(x) for one in (first, second)]
    return keras.Model(x, ends, name="net")


def of_a_nested_model(first, second):
    x = keras.Input((4,))
    return keras.Model(x, two_heads(first, second)(x))


def called_twice(layer):
    x, y = keras.Input((4,)), keras.Input((4,))
    return keras.Model([x, y], [layer(x), layer(y)])


def with_an_output_of_the_probabilities():
    x = keras.Input((4,))
    y = L.Dense(3, activation="softmax")(x)
    return keras.Model(x, [y, keras.ops.max(y, axis=-1)])


SHARED = {
    "a nested model with a softmax": lambda: of_a_nested_model("softmax", None),
    "a nested model with two": lambda: of_a_nested_model("softmax", "sigmoid"),
    "a layer called twice": lambda: called_twice(L.Dense(3, "softmax")),
    "a model called twice": lambda: called_twice(functional("dense")),
    "probabilities read again": with_an_output_of_the_probabilities,
}


@pytest.mark.parametrize("build", SHARED.values(), ids=SHARED)
def test_outputs_that_share_a_head_return_logits(build):
    seeds.set_all(0)
    model = build()
    random = np.random.default_rng(0)
    x = [random.normal(size=(9, 4)).astype("float32") for _ in model.inputs]
    logits = softmax.logits(model)
    for at, (z, p) in enumerate(zip(logits(x), model(x), strict=True)):
        kind = softmax.activation(model, at)
        assert not softmax.activation(logits, at)
        expected = getattr(tf.nn, kind)(z) if kind else z
        np.testing.assert_allclose(expected, p, rtol=1e-5)


def test_the_softmax_of_each_position_is_removed():
    inner = L.Dense(3, activation="softmax")
    model = keras.Sequential([keras.Input((5, 4)), L.TimeDistributed(inner)])
    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
    logits = softmax.logits(model)
    assert softmax.ends(model) and not softmax.ends(logits)
    np.testing.assert_allclose(
        tf.nn.softmax(logits(x)), model(x), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("layer", [L.LSTM, L.GRU])
def test_an_activation_within_a_recurrence_is_not_removed(layer):
    last = layer(2, activation="softmax")
    model = keras.Sequential([keras.Input((5, 4)), last])
    assert softmax.logits(model) is model


def test_an_attribute_outputs_does_not_make_a_layer_a_model():
    class Head(L.Layer):
        outputs = 3

        def call(self, x):
            return x

    model = keras.Sequential([keras.Input((4,)), Head()])
    assert softmax.logits(model) is model
