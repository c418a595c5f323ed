"""One logit stands for two classes."""

import keras
import numpy as np
import pytest
import seeds
import tensorflow as tf

import lit_tf
from lit_tf import errors, outputs

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("int32")
LABELS = {
    "row": Y,
    "column": Y[:, np.newaxis],
    "numbers": Y.astype("float32"),
    "one-hot": np.eye(2, dtype="float32")[Y],
}


def network(seed, last=None):
    seeds.set_all(seed)
    inputs = x = keras.Input((4,), name="x")
    for name in ("stem", "one", "two"):
        x = keras.layers.Dense(6, activation="tanh", name=name)(x)
    x = keras.layers.Dense(1, activation=last, name="answer")(x)
    return lit_tf.split(keras.Model(inputs, x), ["stem", "one", "two"])


def sigmoid(z):
    return 1 / (1 + np.exp(-np.float64(z)))


def binary(p, q):
    return np.mean(-(p * np.log(q) + (1 - p) * np.log(1 - q)))


@pytest.mark.parametrize("labels", LABELS)
def test_both_losses_are_binary_cross_entropies(labels):
    teacher, student = network(1), network(2)
    kind = outputs.Classes(alpha=0.3, temperature=2.0)
    trainer = lit_tf.Distill(teacher, student, outputs=kind)
    trainer.compile("sgd")
    report = trainer.evaluate(X, LABELS[labels], verbose=0, return_dict=True)
    z_t, z_s = (model(X).numpy()[:, 0] for model in (teacher, student))
    hard = binary(Y, sigmoid(z_s))
    soft = binary(sigmoid(z_t / 2), sigmoid(z_s / 2))
    assert report["hard"] == pytest.approx(hard, rel=1e-4)
    assert report["soft"] == pytest.approx(soft, rel=1e-4)
    assert report["total"] == pytest.approx(0.3 * hard + 0.7 * 4 * soft, 1e-4)
    assert report["accuracy"] == pytest.approx(np.mean((z_s > 0) == Y))


@pytest.mark.slow
def test_a_binary_student_is_trained():
    trainer = lit_tf.LIT(network(1), network(2), beta=1.0)
    trainer.compile(
        keras.optimizers.Adam(0.03),
        loss="binary_crossentropy",
        metrics=["accuracy"],
    )
    before = trainer.evaluate(X, Y, verbose=0, return_dict=True)
    trainer.fit(X, Y, epochs=15, verbose=0)
    after = trainer.evaluate(X, Y, verbose=0, return_dict=True)
    assert after["hard"] < 0.8 * before["hard"]
    z = trainer.predict(X, verbose=0)[:, 0]
    assert after["accuracy"] == pytest.approx(np.mean((z > 0) == Y))


def test_metrics_by_name_cut_logits_where_the_probability_is_a_half():
    trainer = lit_tf.Teach(network(1))
    trainer.compile("sgd", metrics=["Precision", "Recall", "AUC"])
    report = trainer.evaluate(X, Y, verbose=0, return_dict=True)
    found = trainer.predict(X, verbose=0)[:, 0] > 0
    hits = np.sum(found & (Y == 1))
    assert report["precision"] == pytest.approx(hits / found.sum())
    assert report["recall"] == pytest.approx(hits / Y.sum())


def test_a_loss_of_several_classes_is_refused_for_one_logit():
    trainer = lit_tf.Teach(network(1))
    trainer.compile("sgd", loss="sparse_categorical_crossentropy")
    with pytest.raises(errors.SettingsError, match='loss="binary_crossentr'):
        trainer.fit(X, Y, verbose=0)


def test_a_sigmoid_must_be_removed():
    with pytest.raises(errors.SettingsError, match="sigmoid. Remove it with"):
        lit_tf.Teach(network(1, "sigmoid"))
    lit_tf.Teach(lit_tf.logits(network(1, "sigmoid")))
    inputs = keras.Input((4,))
    several = keras.Model(inputs, keras.layers.Dense(3, "sigmoid")(inputs))
    with pytest.raises(errors.SettingsError, match=r"lit_tf.outputs.Labels\("):
        lit_tf.Teach(several)


def test_an_output_without_an_axis_of_classes_is_one_logit():
    kind = outputs.Classes()
    z = tf.constant([0.3, -2.0])
    y = tf.constant([1, 0])
    for name, values in kind.terms(y, z, z).items():
        column = kind.terms(y, z[:, tf.newaxis], z[:, tf.newaxis])[name]
        np.testing.assert_array_equal(values, column)
