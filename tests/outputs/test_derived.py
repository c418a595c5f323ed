"""The kind of output, derived from loss, activation and labels."""

import keras
import numpy as np
import pytest

from lit_tf import errors
from lit_tf.outputs import derived

NUMBERS = np.arange(6) % 3
ONE_HOT = np.eye(3, dtype="int32")[NUMBERS]
MULTI_HOT = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 1]] * 2)
VALUES = np.linspace(0, 2, 18).reshape(6, 3)


def model(units, activation=None):
    inputs = keras.Input((2,))
    return keras.Model(
        inputs, keras.layers.Dense(units, activation=activation)(inputs)
    )


def derive(*arguments):
    return derived.derive(*arguments, alpha=0.25, temperature=3.0)


CASES = {
    "a softmax": (3, "softmax", NUMBERS, None, "Classes"),
    "whole numbers": (3, None, NUMBERS, None, "Classes"),
    "whole numbers in a column": (3, None, NUMBERS[:, None], None, "Classes"),
    "one-hot": (3, None, ONE_HOT, None, "Classes"),
    "two classes of one logit": (1, None, NUMBERS % 2, None, "Classes"),
    "a sigmoid": (1, "sigmoid", NUMBERS % 2, None, "Classes"),
    "several sigmoids": (3, "sigmoid", MULTI_HOT, None, "Labels"),
    "multi-hot": (3, None, MULTI_HOT, None, "Labels"),
    "one-hot as to_categorical returns it": (
        *(3, None, keras.utils.to_categorical(NUMBERS)),
        *(None, "Classes"),
    ),
    "multi-hot of floating-point numbers": (
        *(3, None, np.float32(MULTI_HOT)),
        *(None, "Labels"),
    ),
    "whole numbers as floating-point numbers": (
        *(3, None, np.float32(NUMBERS)),
        *(None, "Classes"),
    ),
    "fractions": (3, None, VALUES, None, "Values"),
    "fractions in a row": (1, None, VALUES[:, 0], None, "Values"),
    "counts": (1, None, NUMBERS, None, "Values"),
    "cross-entropy": (
        3,
        None,
        NUMBERS,
        "sparse_categorical_crossentropy",
        "Classes",
    ),
    "binary cross-entropy": (
        3,
        None,
        VALUES,
        keras.losses.BinaryCrossentropy(from_logits=True),
        "Labels",
    ),
    "squared error": (3, None, ONE_HOT, "mse", "Values"),
    "no labels": (3, None, None, None, "Embeddings"),
}


@pytest.mark.parametrize(
    ("units", "activation", "labels", "loss", "kind"),
    CASES.values(),
    ids=CASES.keys(),
)
def test_the_kind_follows_from(units, activation, labels, loss, kind):
    found = derive(model(units, activation), labels, loss)
    assert type(found).__name__ == kind
    assert derived.describe(found)
    if kind in ("Classes", "Labels"):
        assert (found.alpha, found.temperature) == (0.25, 3.0)


def test_a_loss_keeps_its_settings_and_reads_logits():
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.5)
    kind = derive(model(3, "softmax"), ONE_HOT, loss)
    logits = keras.ops.convert_to_tensor(np.eye(3, dtype="float32")[NUMBERS])
    smooth = keras.losses.CategoricalCrossentropy(
        label_smoothing=0.5, from_logits=True, reduction=None
    )
    np.testing.assert_allclose(
        kind.hard(ONE_HOT.astype("float32"), logits),
        smooth(ONE_HOT, logits),
        rtol=1e-6,
    )


def test_another_loss_of_classes_is_kept_with_its_defaults():
    loss = keras.losses.CategoricalFocalCrossentropy()
    kind = derive(model(3, "softmax"), ONE_HOT, loss)
    logits = np.eye(3, dtype="float32")[NUMBERS]
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    focal = keras.losses.CategoricalFocalCrossentropy(reduction=None)
    np.testing.assert_allclose(
        kind.hard(ONE_HOT.astype("float32"), keras.ops.array(logits)),
        focal(ONE_HOT, probabilities),
        rtol=1e-5,
    )


def test_a_loss_of_probabilities_is_replaced_and_it_is_said(capsys):
    kind = derive(model(3, "softmax"), NUMBERS, lambda y, p: p[:, 0])
    assert type(kind).__name__ == "Classes"
    assert "cross-entropy of the logits takes its place" in (
        capsys.readouterr().out
    )


PROBABILITIES = keras.ops.sigmoid(np.linspace(-1, 1, 6)[:, None])
KEPT = {
    "a name of its own": keras.losses.BinaryFocalCrossentropy(name="mine"),
    "smoothed labels": keras.losses.BinaryCrossentropy(label_smoothing=0.2),
    "a function": keras.losses.binary_focal_crossentropy,
    "a name": "binary_focal_crossentropy",
    "the name of a class": "BinaryFocalCrossentropy",
}


@pytest.mark.parametrize("loss", KEPT.values(), ids=KEPT)
def test_the_loss_of_one_sigmoid_is_kept(loss):
    kind = derive(model(1, "sigmoid"), NUMBERS[:, None] % 2, loss)
    labels = np.float32(NUMBERS[:, None] % 2)
    logits = keras.ops.log(PROBABILITIES / (1 - PROBABILITIES))
    expected = keras.losses.get(loss)
    if isinstance(expected, keras.losses.Loss):
        expected = expected.call
    np.testing.assert_allclose(
        kind.hard(labels, logits), expected(labels, PROBABILITIES), rtol=1e-4
    )


def test_a_loss_is_known_by_its_class_and_not_by_its_name(capsys):
    loss = keras.losses.SparseCategoricalCrossentropy(
        name="mine", ignore_class=-1
    )
    kind = derive(model(3, "softmax"), NUMBERS, loss)
    assert type(kind).__name__ == "Classes"
    assert kind.loss.ignore_class == -1
    squared = keras.losses.MeanSquaredError(name="mine")
    assert type(derive(model(3), VALUES, squared)).__name__ == "Values"
    assert not capsys.readouterr().out


def test_losses_of_a_list_of_outputs_are_found_by_their_names():
    inputs = keras.Input((2,))
    animal = keras.layers.Dense(3, activation="softmax", name="animal")(inputs)
    age = keras.layers.Dense(1, name="age")(inputs)
    kind = derive(
        keras.Model(inputs, [animal, age]),
        {"animal": NUMBERS, "age": VALUES[:, :1]},
        {"animal": "sparse_categorical_crossentropy", "age": "mae"},
        {"animal": 1.0, "age": 0.5},
    )
    assert kind.weights == {"output_1": 1.0, "output_2": 0.5}
    logits = [keras.ops.array(np.eye(3)[NUMBERS]), keras.ops.zeros((6, 1))]
    labels = keras.ops.array(NUMBERS), keras.ops.array(VALUES[:, :1])
    y = kind.plain(dict(zip(("animal", "age"), labels, strict=True)))
    classes, numbers = kind.kinds.values()
    expected = classes.hard(labels[0], logits[0]) + np.abs(VALUES[:, 0]) / 2
    np.testing.assert_allclose(kind.hard(y, logits), expected, rtol=1e-5)
    assert type(numbers).__name__ == "Values"


def test_several_outputs_have_a_kind_each():
    inputs = keras.Input((2,))
    outputs = {
        "animal": keras.layers.Dense(3, activation="softmax")(inputs),
        "age": keras.layers.Dense(1)(inputs),
    }
    labels = {"animal": NUMBERS, "age": VALUES[:, :1]}
    kind = derive(
        keras.Model(inputs, outputs),
        labels,
        {"animal": "sparse_categorical_crossentropy", "age": "mse"},
        {"age": 0.5, "animal": 1.0},
    )
    kinds = {name: type(one).__name__ for name, one in kind.kinds.items()}
    assert kinds == {"animal": "Classes", "age": "Values"}
    assert kind.weights["age"] == 0.5


def test_labels_of_no_kind_are_refused():
    with pytest.raises(errors.SettingsError, match="fit no kind of output"):
        derive(model(3), VALUES[:, :2])
