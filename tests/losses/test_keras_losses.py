"""Losses of Keras, by name and as objects, on logits."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

import lit_tf
from lit_tf import errors, outputs
from lit_tf.losses.keras_losses import ExampleLoss

NUMBERS = np.array([0, 2, 1], np.int32)
ONE_HOT = np.eye(3, dtype=np.float32)[NUMBERS]
Z = np.random.default_rng(0).normal(scale=3, size=(3, 3)).astype(np.float32)
# By name: the class of the loss, and labels.
NAMED = {
    "sparse_categorical_crossentropy": (
        "SparseCategoricalCrossentropy",
        NUMBERS,
    ),
    "categorical_crossentropy": ("CategoricalCrossentropy", ONE_HOT),
    "categorical_focal_crossentropy": ("CategoricalFocalCrossentropy", ONE_HOT),
    "binary_crossentropy": ("BinaryCrossentropy", ONE_HOT),
    "binary_focal_crossentropy": ("BinaryFocalCrossentropy", ONE_HOT),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_named_loss_is_built_for_logits(name):
    kind, labels = NAMED[name]
    loss = getattr(keras.losses, kind)(from_logits=True)
    expected = [
        float(loss(y[None], z[None])) for y, z in zip(labels, Z, strict=True)
    ]
    for form in (
        name,
        kind,
        getattr(keras.losses, name),
        getattr(keras.losses, kind),
        loss,
        functools.partial(getattr(keras.losses, name), from_logits=True),
    ):
        computed = ExampleLoss(form, of_logits=True)(labels, tf.constant(Z))
        np.testing.assert_allclose(computed, expected, rtol=1e-5)


@pytest.mark.parametrize("name", NAMED)
def test_a_loss_of_probabilities_is_refused(name):
    kind, _ = NAMED[name]
    for loss in (
        getattr(keras.losses, kind)(),
        functools.partial(getattr(keras.losses, name), from_logits=False),
    ):
        with pytest.raises(errors.SettingsError, match="with from_logits=True"):
            ExampleLoss(loss, of_logits=True)
    assert ExampleLoss(getattr(keras.losses, kind)()) is not None


@pytest.mark.parametrize("loss", ["kl_divergence", keras.losses.Dice()])
def test_a_loss_that_only_reads_probabilities_is_refused(loss):
    with pytest.raises(errors.SettingsError, match="applies a softmax or sigm"):
        outputs.Classes(loss=loss)
    outputs.Values(loss=loss)


def test_an_unknown_loss_is_refused_with_the_nearest_name():
    with pytest.raises(errors.SettingsError, match="nearest is mean_absolute"):
        ExampleLoss("mean_absolut_error")


def test_compiled_names_equal_the_default(dense, vectors):
    x, y = vectors(8)
    reports = []
    for settings in (
        {},
        {
            "loss": "sparse_categorical_crossentropy",
            "metrics": ["sparse_categorical_crossentropy", "accuracy"],
        },
    ):
        trainer = lit_tf.Distill(dense(1), dense(2))
        trainer.compile("sgd", **settings)
        reports.append(trainer.evaluate(x, y, return_dict=True, verbose=0))
    metric = reports[1].pop("sparse_categorical_crossentropy")
    assert reports[0] == pytest.approx(reports[1], rel=1e-5)
    assert metric == pytest.approx(reports[0]["hard"], rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "labels", "message"),
    [
        ("binary_crossentropy", NUMBERS, "sparse_categorical_crossentropy"),
        ("categorical_crossentropy", NUMBERS, "sparse_categorical_crossentr"),
        ("sparse_categorical_crossentropy", ONE_HOT, '"categorical_crossent'),
    ],
)
def test_labels_of_another_shape_are_refused(loss, labels, message):
    with pytest.raises(errors.SettingsError, match=message):
        ExampleLoss(loss, of_logits=True)(labels, tf.constant(Z))
