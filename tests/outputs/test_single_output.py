"""A model may return its one output in a list or a dictionary."""

import keras
import numpy as np
import pytest
import seeds
import slow

import lit_tf

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, 32)
LOSS = "sparse_categorical_crossentropy"
NESTINGS = {
    "list": lambda one: [one],
    "dictionary": lambda one: {"answer": one},
}


def network(seed, nested=lambda one: one):
    seeds.set_all(seed)
    inputs = x = keras.Input((4,), name="x")
    for name in ("stem", "one", "two"):
        x = keras.layers.Dense(6, activation="tanh", name=name)(x)
    answer = nested(keras.layers.Dense(3, name="answer")(x))
    return lit_tf.split(keras.Model(inputs, answer), ["stem", "one", "two"])


def trained(nested, labels, **settings):
    """Returns the metrics, the weights and the predictions of a student."""
    trainer = lit_tf.LIT(network(1, nested), network(2, nested))
    trainer.compile("sgd", **settings)
    trainer.fit(X, labels, shuffle=False, verbose=0)
    report = trainer.evaluate(X, labels, verbose=0, return_dict=True)
    predicted = trainer.predict(X, verbose=0)
    return report, trainer.student.get_weights(), predicted


@pytest.fixture(scope="module")
def plain():
    """The results of a student whose output is not nested."""
    return trained(lambda one: one, Y, loss=LOSS, metrics=[LOSS])


@pytest.mark.parametrize("way", NESTINGS)
@pytest.mark.parametrize("everywhere", slow.all_but([True], [True, False]))
def test_the_results_are_those_of_a_plain_output(plain, way, everywhere):
    nested = NESTINGS[way]
    also = nested if everywhere else lambda one: one
    metrics = also(LOSS) if everywhere else [LOSS]
    other = trained(nested, also(Y), loss=also(LOSS), metrics=metrics)
    assert other[0] == pytest.approx(plain[0], rel=1e-6)
    for one, two in zip(plain[1], other[1], strict=True):
        np.testing.assert_array_equal(one, two)
    (predicted,) = keras.tree.flatten(other[2])
    np.testing.assert_allclose(predicted, plain[2], rtol=1e-6)
