"""Import of Keras files, and errors."""

import zipfile

import keras
import numpy as np
import pytest
from import_helpers import DIGITS, images, plain_model, refusal, run_import

from lit_tf import errors, models


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
@pytest.mark.parametrize("name", ["w.keras", "w.h5"])
@pytest.mark.parametrize("last", ["softmax", None])
def test_an_imported_keras_model_returns_logits(tmp_path, name, last):
    model = plain_model(last=last)
    model.save(tmp_path / name)
    results, imported = run_import(tmp_path / name)
    assert results["softmax"] == (last == "softmax")
    logits = imported(images())
    outputs = keras.ops.softmax(logits) if last else logits
    np.testing.assert_allclose(outputs, model(images()), rtol=1e-5, atol=1e-6)


def test_a_normalization_may_be_put_before_a_keras_model(tmp_path, build):
    for model in (plain_model(last=None), models.get("resnet8")(**DIGITS)):
        model.save(tmp_path / "w.keras")
        _, imported = run_import(
            tmp_path / "w.keras", normalization="0.1,0.5", overwrite=True
        )
        assert type(imported).__name__ == type(model).__name__
        np.testing.assert_allclose(
            imported(images()),
            model((images() / 255.0 - 0.1) / 0.5),
            rtol=1e-4,
            atol=1e-5,
        )


def test_a_sequential_model_of_half_precision_becomes_float32(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(dtype="mixed_float16"),
            keras.layers.Dense(10, activation="softmax", dtype="mixed_float16"),
        ]
    )
    model.save(tmp_path / "w.keras")
    _, imported = run_import(tmp_path / "w.keras")
    assert imported(images()).dtype == "float32"
    assert {layer.compute_dtype for layer in imported.layers} == {"float32"}


def test_a_keras_model_of_any_size_is_imported_at_that_of_the_data(tmp_path):
    x = keras.Input((None, None, 1))
    y = keras.layers.Conv2D(4, 3)(x)
    y = keras.layers.GlobalAveragePooling2D()(y)
    model = keras.Model(x, keras.layers.Dense(10)(y))
    model.save(tmp_path / "w.keras")
    _, imported = run_import(tmp_path / "w.keras")
    assert imported.input_shape == (None, 8, 8, 1)
    np.testing.assert_allclose(imported(images()), model(images()), rtol=1e-5)


def test_the_cause_of_an_unreadable_layer_is_named(tmp_path):
    model = plain_model()
    model.save(tmp_path / "w.keras")
    with zipfile.ZipFile(tmp_path / "w.keras") as file:
        parts = {name: file.read(name) for name in file.namelist()}
    text = parts["config.json"].decode()
    parts["config.json"] = text.replace('"units": 10', '"units": 10, "old": 1')
    with zipfile.ZipFile(tmp_path / "w.keras", "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    assert "old" in refusal(errors.DataError, tmp_path / "w.keras")


def test_a_keras_model_of_other_classes_is_refused(tmp_path):
    plain_model(classes=7).save(tmp_path / "w.keras")
    line = refusal(errors.SettingsError, tmp_path / "w.keras")
    assert "digits has inputs (8, 8, 1) and 10 classes. Received: " in line
    assert line.endswith("plain with inputs (8, 8, 1) and outputs (7,).")


def test_a_keras_model_of_two_inputs_is_refused(tmp_path):
    x, y = keras.Input((3,)), keras.Input((3,))
    keras.Model([x, y], keras.layers.Add()([x, y])).save(tmp_path / "w.keras")
    line = refusal(errors.SettingsError, tmp_path / "w.keras")
    assert "must hold a model of one input and one output" in line


def test_a_keras_model_with_a_dictionary_of_outputs_is_refused(tmp_path):
    model = plain_model(last=None)
    keras.Model(model.inputs, {"a": model.output}).save(tmp_path / "w.keras")
    line = refusal(errors.SettingsError, tmp_path / "w.keras")
    assert "must hold a model of one input and one output" in line


@keras.saving.register_keras_serializable("test_import_keras")
def own_softmax(x):
    return keras.ops.softmax(x)


@pytest.mark.parametrize("last", ["sigmoid", own_softmax])
def test_a_model_that_returns_probabilities_is_refused(tmp_path, last):
    plain_model(last=last).save(tmp_path / "w.keras")
    line = refusal(errors.DataError, tmp_path / "w.keras")
    assert "must be logits. Received: probabilities, " in line


def test_a_keras_model_with_nan_weights_is_refused(tmp_path):
    model = plain_model()
    model.layers[-1].kernel.assign(np.full((64, 10), np.nan))
    model.save(tmp_path / "w.keras")
    line = refusal(errors.DataError, tmp_path / "w.keras")
    assert line.endswith("must be finite. Received: nan or inf.")


def test_the_output_must_differ_from_the_source(tmp_path):
    path = tmp_path / "w.keras"
    plain_model().save(path)
    before = path.read_bytes()
    line = refusal(errors.SettingsError, path, output=path, overwrite=True)
    assert line == (f"`output` must differ from `source`. Received: {path}.")
    assert path.read_bytes() == before


def test_an_architecture_for_a_keras_model_is_refused(tmp_path):
    plain_model().save(tmp_path / "w.keras")
    line = refusal(errors.SettingsError, tmp_path / "w.keras", model="resnet8")
    assert "contains its architecture. Received: model='resnet8'." in line


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
@pytest.mark.parametrize("name", ["w.keras", "w.h5"])
def test_code_in_a_keras_file_is_not_run(tmp_path, name):
    path, marker = tmp_path / name, tmp_path / "marker"
    place = str(marker)
    x = keras.Input((8, 8, 1))
    # Keras saves the code of a lambda, but not of a named function.
    touch = keras.layers.Lambda(lambda x: (open(place, "w").close(), x)[1])
    keras.Model(x, touch(x)).save(path)
    marker.unlink()
    message = refusal(errors.DataError, path)
    assert "contains code, which is never executed" in message
    assert not marker.exists()
    keras.models.load_model(path, compile=False, safe_mode=False)
    assert marker.exists()


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
@pytest.mark.parametrize("name", ["w.keras", "w.h5"])
def test_a_truncated_keras_file_is_refused(tmp_path, name):
    path = tmp_path / name
    plain_model().save(path)
    path.write_bytes(path.read_bytes()[:-2000])
    refusal(errors.DataError, path)
