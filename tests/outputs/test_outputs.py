"""Kinds of output, losses of users, weights of examples and classes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import lit_tf
from lit_tf import errors, outputs
from lit_tf.losses import keras_losses
from lit_tf.methods import fitnets

Z_T = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]], np.float32)
Z_S = np.array([[0.5, -1.0, 0.0], [1.0, 2.0, -3.0]], np.float32)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def binary(p, q):
    return -(p * np.log(q) + (1 - p) * np.log(1 - q)).mean(axis=1)


def terms(kind, y):
    computed = kind.terms(*map(tf.constant, (y, Z_T, Z_S)))
    return {name: value.numpy() for name, value in computed.items()}


def test_labels_are_independent():
    y = np.array([[1, 0, 1], [0, 1, 0]], np.float32)
    computed = terms(outputs.Labels(alpha=0.3, temperature=2.0), y)
    hard = binary(y, sigmoid(Z_S))
    soft = binary(sigmoid(Z_T / 2), sigmoid(Z_S / 2))
    np.testing.assert_allclose(computed["hard"], hard, rtol=1e-5)
    np.testing.assert_allclose(computed["soft"], soft, rtol=1e-5)
    np.testing.assert_allclose(
        computed["kd"], 0.3 * hard + 0.7 * 4 * soft, rtol=1e-5
    )
    (metric,) = outputs.Labels().metrics()
    metric.update_state(y, Z_S)
    assert float(metric.result()) == pytest.approx(4 / 6)


def test_kd_of_numbers_is_a_squared_distance():
    y = np.array([[1, 0, 1], [0, 1, 0]], np.float32)
    computed = terms(outputs.Values(alpha=0.3), y)
    hard = ((y - Z_S) ** 2).mean(axis=1)
    soft = ((Z_T - Z_S) ** 2).mean(axis=1)
    np.testing.assert_allclose(
        computed["kd"], 0.3 * hard + 0.7 * soft, rtol=1e-5
    )
    column = outputs.Values().hard(tf.constant([1.0, 2.0]), tf.zeros([2, 1]))
    np.testing.assert_allclose(column, [1.0, 4.0])


def test_one_hot_labels_and_class_numbers_give_the_same_results(dense, vectors):
    x, y = vectors(8)
    results = []
    for labels in (y, np.eye(3, dtype=np.float32)[np.reshape(y, -1)]):
        trainer = lit_tf.Distill(dense(1), dense(2))
        trainer.compile(lit_tf.SGD(0.1), run_eagerly=True)
        results.append(trainer.evaluate(x, labels, return_dict=True, verbose=0))
    assert results[0] == pytest.approx(results[1], rel=1e-5)


@pytest.mark.parametrize(
    "own",
    [
        "mse",
        keras.losses.MeanSquaredError(),
        lambda y, z: tf.reduce_mean(tf.square(y - z), axis=-1),
        lambda y, z: tf.reduce_mean(tf.square(y - z)),
    ],
    ids=["name", "object", "function", "scalar"],
)
def test_a_users_loss_replaces_the_hard_loss(dense, vectors, own):
    x, _ = vectors(8)
    y = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    reports = []
    for settings in ({"loss": own}, {}):
        trainer = lit_tf.LIT(
            dense(1), dense(2), outputs=outputs.Values(alpha=0.5)
        )
        trainer.compile(lit_tf.SGD(0.1), run_eagerly=True, **settings)
        reports.append(trainer.evaluate(x, y, return_dict=True, verbose=0))
    assert reports[0] == pytest.approx(reports[1], rel=1e-5)


def test_a_users_loss_is_minimised(dense, vectors):
    x, _ = vectors(8)
    y = np.ones((8, 3), "float32")
    kind = outputs.Classes(loss="mse")
    trainer = lit_tf.Teach(dense(1), outputs=kind)
    trainer.compile(lit_tf.SGD(0.1))
    before = trainer.evaluate(x, y, return_dict=True, verbose=0)["hard"]
    trainer.fit(x, y, epochs=20, verbose=0)
    after = trainer.evaluate(x, y, return_dict=True, verbose=0)["hard"]
    assert after < 0.2 * before
    expected = keras.losses.MeanSquaredError()(y, dense(1)(x))
    assert before == pytest.approx(float(expected), rel=1e-5)


def test_a_loss_is_refused_by_a_method_without_labels(dense):
    trainer = fitnets.Hint(dense(1), dense(2))
    with pytest.raises(errors.SettingsError, match="has its own losses"):
        trainer.compile(loss="mse")


def test_two_trainers_do_not_share_a_loss(dense):
    kind = outputs.Values()
    first = lit_tf.Distill(dense(1), dense(2), outputs=kind)
    second = lit_tf.Distill(dense(1), dense(3), outputs=kind)
    first.compile(loss="mae")
    y, z = tf.zeros([1, 2]), tf.constant([[2.0, 2.0]])
    assert first.outputs.hard(y, z) == [2.0]
    assert second.outputs.hard(y, z) == [4.0]


def test_class_weights_equal_sample_weights(dense, vectors):
    x, y = vectors(8)
    weights = {0: 1.0, 1: 3.0, 2: 0.5}
    states = []
    for settings in (
        {"class_weight": weights},
        {
            "sample_weight": np.array(
                [weights[int(c)] for c in np.reshape(y, -1)]
            )
        },
    ):
        trainer = lit_tf.Distill(dense(1), dense(2))
        trainer.compile(lit_tf.SGD(0.1), run_eagerly=True)
        trainer.fit(x, y, shuffle=False, verbose=0, **settings)
        states.append(trainer.student.get_weights())
    for one, other in zip(*states, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_a_sigmoid_instead_of_logits_is_refused():
    inputs = keras.Input((4,))
    x = keras.layers.Dense(3, activation="sigmoid", name="answer")(inputs)
    model = keras.Model(inputs, x)
    with pytest.raises(errors.SettingsError, match="'answer', applies a sig"):
        outputs.Labels().check(model, "teacher")


@pytest.mark.parametrize(
    "own",
    [
        "hinge",
        keras.losses.Huber(),
        lambda y, z: tf.reduce_sum((y - z) ** 2, -1),
    ],
    ids=["name", "object", "function"],
)
def test_scalar_labels_and_outputs_do_not_broadcast(own):
    y, z = tf.constant([1.0, 0.0, 2.0]), tf.constant([[0.5], [3.0], [2.0]])
    loss = keras_losses.ExampleLoss(own)
    expected = loss(y[:, tf.newaxis], z)
    for labels in (y, y[:, tf.newaxis]):
        for outputs_ in (z, z[:, 0]):
            np.testing.assert_array_equal(loss(labels, outputs_), expected)
    assert len(set(expected.numpy())) == 3


def test_a_loss_has_one_value_per_example():
    y, z = tf.zeros([2, 3, 4]), tf.ones([2, 3, 4])
    for own in ("mse", lambda y, z: tf.reduce_mean(z)):
        assert keras_losses.ExampleLoss(own)(y, z).shape == (2,)


def test_a_kind_without_labels_is_not_trained_on_them(dense, vectors):
    trainer = lit_tf.Teach(dense(1), outputs=outputs.Embeddings())
    trainer.compile("sgd")
    with pytest.raises(errors.SettingsError, match="no loss on labels"):
        trainer.fit(*vectors(), verbose=0)


def test_a_sequential_model_is_trained(vectors):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    trainer = lit_tf.Teach(model)
    trainer.compile("sgd", metrics=["accuracy"])
    (loss,) = trainer.fit(*vectors(), verbose=0).history["total"]
    assert loss > 0
