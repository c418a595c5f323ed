"""Commands on a model with one output for two classes, or with a sigmoid."""

import keras
import numpy as np
import pytest
import seeds
import slow
import small
import tensorflow as tf
from home_made import residual_rows

from lit_tf import config, errors
from lit_tf.experiment import build, trained_models

X = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
Y = np.arange(40) % 2


@pytest.fixture
def own(tmp_path):
    """A function: last layer → the model, its file and the session."""
    np.savez(tmp_path / "own.npz", x_train=X, y_train=Y, x_test=X, y_test=Y)

    def make(units, last, nested=lambda one: one):
        seeds.set_all(3)
        inputs = keras.Input((8, 8, 3))
        x = keras.layers.Rescaling(1 / 255, offset=-0.5)(inputs)
        x = residual_rows(x, blocks=2)
        x = keras.layers.GlobalAveragePooling2D()(x)
        x = keras.layers.Dense(units, "linear", name="answer")(x)
        logits = keras.Model(inputs, x)
        x = keras.layers.Activation(last)(x)
        model = keras.Model(inputs, nested(x), name="own")
        # Both classes are predicted.
        bias = model.get_layer("answer").bias
        bias.assign(-np.median(logits(X), axis=0))
        model.save(tmp_path / "own.keras")
        session = config.Session(
            workdir=str(tmp_path / "run"), data_dir=str(tmp_path / "own.npz")
        )
        return model, str(tmp_path / "own.keras"), session

    return make


@pytest.mark.parametrize(
    ("last", "way"),
    slow.all_but(
        [("sigmoid", "nested")], [("linear", "plain"), ("sigmoid", "nested")]
    ),
)
def test_a_model_with_one_output_has_two_classes(own, tmp_path, last, way):
    nested = {"plain": lambda one: one, "nested": lambda one: {"yes": one}}[way]
    model, path, session = own(1, last, nested)
    (answers,) = keras.tree.flatten(model(X))
    sigmoid = keras.activations.sigmoid
    p = np.array(answers if last == "sigmoid" else sigmoid(answers))[:, 0]
    expected = np.mean((p > 0.5) == Y)
    assert 0.1 < np.mean(p > 0.5) < 0.9
    results = trained_models.evaluate(path, config.Data(), session)
    assert results["test_accuracy"] == pytest.approx(expected)

    folder = tmp_path / "saved_model"
    small.to_saved_model(path, str(folder), config.Data(), session)
    loaded = tf.saved_model.load(str(folder))
    served = loaded.serve(tf.constant(X, tf.float32))
    np.testing.assert_allclose(
        served["probabilities"], np.stack([1 - p, p], axis=1), atol=1e-5
    )
    results = trained_models.evaluate(str(folder), config.Data(), session)
    assert results["test_accuracy"] == pytest.approx(expected)

    settings = config.Compress(
        teacher_weights=path, shrink=config.Shrink(keep=(1, 1)), session=session
    )
    settings = build.complete(settings)
    dataset = build.load_dataset(settings.data, session)
    teacher, student = build.pair(settings, dataset)
    assert teacher.output_shape == student.output_shape == (None, 1)
    np.testing.assert_allclose(sigmoid(teacher(X))[:, 0], p, atol=1e-5)


def test_a_softmax_is_not_exported_twice(own, tmp_path):
    model, path, session = own(2, "softmax")
    folder = tmp_path / "saved_model"
    small.to_saved_model(path, str(folder), config.Data(), session)
    loaded = tf.saved_model.load(str(folder))
    served = loaded.serve(tf.constant(X, tf.float32))
    np.testing.assert_allclose(served["probabilities"], model(X), atol=1e-5)


def test_a_sigmoid_of_several_outputs_is_refused(own):
    _, path, session = own(2, "sigmoid")
    settings = config.Compress(
        teacher_weights=path, shrink=config.Shrink(keep=(1, 1)), session=session
    )
    settings = build.complete(settings)
    dataset = build.load_dataset(settings.data, session)
    with pytest.raises(errors.SettingsError, match="for independent labels"):
        build.pair(settings, dataset)
