"""A final softmax is found and removed in every form."""

import keras
import numpy as np
import pytest

from lit_tf.sections import sectioned_model, softmax
from lit_tf.sections.sectioned_model import SectionedModel

WAYS = ("dense", "activation", "layer", "operation", "nested", "head")


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
    keras.utils.set_random_seed(0)
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
    for same in (logits, sectioned_model.load(tmp_path / "logits.keras")):
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


def test_another_activation_is_not_removed():
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Dense(3, activation="sigmoid")(x))
    assert not softmax.ends(model)
    assert softmax.logits(model) is model


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
