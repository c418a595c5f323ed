"""Files of models and weights: saving, loading, refusal of damaged ones."""

import keras
import numpy as np
import pytest
from dense_parts import assert_same_outputs, dense

import lit_tf
from lit_tf import errors
from lit_tf.sections import model_files
from lit_tf.sections.sectioned_model import SectionedModel


def test_a_failed_save_leaves_no_file(tmp_path, monkeypatch):
    def fail(model, path):
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SectionedModel, "save", fail)
    with pytest.raises(errors.DataError, match="No space left"):
        model_files.save(dense(), tmp_path / "model.keras")
    assert not any(tmp_path.iterdir())


def test_a_loaded_model_is_equal_and_not_compiled(build, batch, tmp_path):
    model = build()
    model.save(tmp_path / "model.keras")
    again = lit_tf.load(str(tmp_path / "model.keras"))
    assert isinstance(again, SectionedModel)
    assert not again.compiled
    assert_same_outputs(model, again, batch(2)[0])


def test_an_error_names_the_missing_file(tmp_path):
    path = tmp_path / "model.keras"
    with pytest.raises(errors.DataError, match=r"no model file .*model\.keras"):
        model_files.load(path)
    with pytest.raises(errors.DataError, match=r"no weights file"):
        model_files.load_weights(dense(), path)


def test_a_truncated_file_raises_an_error(tmp_path):
    for name in ("model.keras", "model.weights.h5"):
        path = tmp_path / name
        model = dense()
        (model.save if name == "model.keras" else model.save_weights)(path)
        path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(errors.DataError, match="not a complete .keras file"):
        model_files.load(tmp_path / "model.keras")
    with pytest.raises(errors.DataError, match="does not contain the weights"):
        model_files.load_weights(dense(), tmp_path / "model.weights.h5")


def test_a_file_of_another_format_raises_an_error(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("not a model")
    with pytest.raises(errors.DataError, match="not a complete .keras file"):
        model_files.load(path)


def test_code_in_a_file_is_not_executed(tmp_path):
    x = keras.Input((2,))
    model = keras.Model(x, keras.layers.Lambda(lambda x: x + 1)(x))
    model.save(tmp_path / "model.keras")
    with pytest.raises(
        errors.DataError, match="contains code, which is never executed"
    ):
        model_files.load(tmp_path / "model.keras")


def test_weights_are_loaded_into_a_model_of_the_same_architecture(tmp_path):
    model, other = dense(), dense()
    model.save_weights(tmp_path / "model.weights.h5")
    model_files.load_weights(other, tmp_path / "model.weights.h5")
    assert_same_outputs(model, other, np.ones((2, 4), "float32"))


@pytest.mark.parametrize(
    ("theirs", "ours"), [("resnet14", "resnet8"), ("resnet8", "resnet14")]
)
def test_weights_of_another_depth_raise_an_error(build, tmp_path, theirs, ours):
    build(theirs).save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(errors.DataError, match="does not contain the weights"):
        model_files.load_weights(build(ours), tmp_path / "model.weights.h5")


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_weights_of_another_shape_raise_an_error(tmp_path):
    dense(classes=5).save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(errors.DataError, match="does not contain the weights"):
        model_files.load_weights(dense(), tmp_path / "model.weights.h5")
