"""Outputs that are probabilities are found by their values."""

import keras
import numpy as np
import pytest
import seeds
import tensorflow as tf

import lit_tf
from lit_tf import errors, outputs
from lit_tf.sections import compatibility, probabilities
from lit_tf.sections.sectioned_model import SectionedModel

L = keras.layers


class Head(L.Layer):
    """A user's layer, which ends in an activation."""

    def __init__(self, activation, **settings):
        super().__init__(**settings)
        self.dense = L.Dense(3, activation=activation)
        self.calls = self.add_weight(trainable=False)

    def call(self, x):
        self.calls.assign_add(1.0)
        return self.dense(x)


# Inputs of several kinds, and layers up to a vector.
INPUTS = {
    "numbers": lambda: (keras.Input((4,)), []),
    "any size": lambda: (
        keras.Input((None, None, 3)),
        [L.Conv2D(4, 3), L.MaxPooling2D(8), L.GlobalAveragePooling2D()],
    ),
    "integers": lambda: (
        keras.Input((None,), dtype="int32"),
        [L.Embedding(2, 4), L.GlobalAveragePooling1D()],
    ),
    "texts": lambda: (
        keras.Input((3,), dtype="string"),
        [L.Hashing(4, output_mode="multi_hot")],
    ),
    "dictionary": lambda: (
        {"b": keras.Input((4,), name="b"), "a": keras.Input((2,), name="a")},
        [lambda x: L.Concatenate()([x["b"], x["a"]])],
    ),
}


def network(activation, kind="numbers"):
    seeds.set_all(0)
    inputs, layers = INPUTS[kind]()
    x = inputs
    for layer in (*layers, Head(activation, name="answer")):
        x = layer(x)
    return keras.Model(inputs, x)


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("last", ["softmax", "sigmoid", None])
def test_only_probabilities_are_found(last, kind):
    model = network(last, kind)
    before = model.get_weights()
    assert probabilities.returns_probabilities(model) == bool(last)
    # The variables, also those that a call changes, are as they were.
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("last", ["softmax", "sigmoid"])
def test_a_layer_that_returns_probabilities_is_refused_by_name(last):
    def part(layer):
        x = keras.Input((4,))
        return keras.Model(x, layer(x))

    ends = [
        SectionedModel(
            part(L.Dense(4, name="a")), [part(L.Dense(4, name="b"))], part(head)
        )
        for head in (Head(last, name="answer"), L.Dense(3, name="answer"))
    ]
    message = r"'answer', returns probabilities: .*`lit_tf.logits` removes"
    with pytest.raises(errors.SettingsError, match=f"teacher .*{message}"):
        lit_tf.LIT(*ends, copy_ends=False)
    with pytest.raises(errors.SettingsError, match=f"teacher .*{message}"):
        lit_tf.Distill(*ends, outputs=outputs.Labels())
    with pytest.raises(errors.SettingsError, match=f"student .*{message}"):
        lit_tf.Teach(ends[0])
    lit_tf.Distill(*ends, outputs=outputs.Values())


def test_logits_in_the_unit_interval_are_no_probabilities():
    for kind in ("numbers", "integers"):
        model = network(None, kind)
        head = model.get_layer("answer").dense
        # Logits of ordinary inputs are 0.5 ± 0.001.
        head.set_weights([head.kernel / 1e3, np.full(3, 0.5)])
        assert not probabilities.returns_probabilities(model), kind


def test_a_model_that_cannot_be_called_is_not_refused():
    class Refusing(L.Layer):
        def call(self, x):
            tf.debugging.assert_less(x, 0.0)
            return keras.ops.softmax(x)

    x = keras.Input((4,))
    compatibility.check_logits(keras.Model(x, Refusing()(x)), "teacher")


def test_zeros_are_no_probabilities():
    assert not probabilities.look_like_probabilities(np.zeros((8, 3)))
    assert probabilities.look_like_probabilities(np.full((8, 3), 1 / 3))
    assert not probabilities.look_like_probabilities(np.array([[0.5, 1.5]]))
