"""Smoothed labels: the hard loss of each kind of output, what is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lit_tf import errors, outputs
from lit_tf.methods import fitnets, supervised

Z_T = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]], np.float32)
Z_S = np.array([[0.5, -1.0, 0.0], [1.0, 2.0, -3.0]], np.float32)


def terms(kind, y):
    computed = kind.terms(*map(tf.constant, (y, Z_T, Z_S)))
    return {name: value.numpy() for name, value in computed.items()}


@pytest.mark.parametrize("one_hot", [False, True])
def test_smoothed_labels_are_mixed_with_even_ones_in_the_hard_loss_alone(
    one_hot,
):
    kind = outputs.Classes(alpha=0.3, temperature=2.0)
    y = np.array([1, 0])
    labels = np.eye(3, dtype=np.float32)[y]
    smoothed = 0.8 * labels + 0.2 / 3
    log_p = Z_S - np.log(np.exp(Z_S).sum(axis=1, keepdims=True))
    computed = terms(kind.smoothed(0.2), labels if one_hot else y)
    hard = -(smoothed * log_p).sum(axis=1)
    np.testing.assert_allclose(computed["hard"], hard, rtol=1e-5)
    plain = terms(kind, y)
    np.testing.assert_array_equal(computed["soft"], plain["soft"])
    assert np.abs(plain["hard"] - hard).max() > 0.1


def test_smoothed_independent_labels_move_towards_one_half():
    y = np.array([[1, 0, 1], [0, 1, 0]], np.float32)
    computed = terms(outputs.Labels().smoothed(0.2), y)
    p, q = 0.8 * y + 0.1, 1 / (1 + np.exp(-Z_S))
    expected = -(p * np.log(q) + (1 - p) * np.log(1 - q)).mean(axis=1)
    np.testing.assert_allclose(computed["hard"], expected, rtol=1e-5)


def test_several_outputs_smooth_the_labels_of_each():
    both = outputs.Several([outputs.Classes(), outputs.Labels()]).smoothed(0.1)
    shares = [kind.label_smoothing for kind in both.kinds.values()]
    assert shares == [0.1, 0.1]


OWN = keras.losses.CategoricalFocalCrossentropy(from_logits=True)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (outputs.Values(), "is for exclusive classes and independent labels"),
        (outputs.Embeddings(), "is for exclusive classes and independent"),
        (outputs.Images(), "is for exclusive classes and independent labels"),
        (outputs.Classes(loss=OWN), "is for cross-entropy. Let a loss of your"),
    ],
)
def test_labels_that_cannot_be_smoothed_are_refused(kind, message):
    assert kind.smoothed(0.0)
    with pytest.raises(errors.SettingsError, match=message):
        kind.smoothed(0.1)


def test_a_trainer_without_a_hard_loss_refuses_to_smooth_labels(dense):
    hint = fitnets.Hint(dense(1), dense(2))
    hint.smooth_labels(0.0)
    with pytest.raises(errors.SettingsError, match="Hint does not have"):
        hint.smooth_labels(0.1)


def test_a_loss_of_compile_does_not_replace_smoothed_labels(dense):
    trainer = supervised.Teach(dense(1), outputs=outputs.Classes())
    trainer.smooth_labels(0.1)
    with pytest.raises(errors.SettingsError, match="loss smooth the labels"):
        trainer.compile(loss=OWN)
    trainer.compile()
    assert trainer.outputs.label_smoothing == 0.1
    trainer.smooth_labels(0.0)
    trainer.compile(loss=OWN)
