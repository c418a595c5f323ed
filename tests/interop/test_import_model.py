"""Import of checkpoints and Keras files, and errors."""

import hashlib

import keras
import numpy as np
import pytest

import lit_tf
from lit_tf import config, data, errors, models
from lit_tf.experiment.run import compress
from lit_tf.interop import import_model
from lit_tf.models import torch_weights
from lit_tf.sections.sectioned_model import SectionedModel

DIGITS = data.DATASETS["digits"].form()


def publish(path, name="resnet8", **form):
    """Writes seeded weights under published names; returns the model."""
    keras.utils.set_random_seed(7)
    model = models.get(name)(**DIGITS | form)
    # Statistics that differ from the initial ones.
    shape = (8, *model.input_shape[1:])
    model(np.random.default_rng(0).normal(size=shape), training=True)
    arrays = {
        f"module.{name}": torch_weights.to_torch(variable)
        for name, variable in models.torch_variables(model).items()
    }
    np.savez(path, **arrays)
    return model


def plain_model(*, classes=10, last="softmax"):
    """Returns a plain Keras model for the digits."""
    x = keras.Input((8, 8, 1))
    y = keras.layers.Flatten()(x)
    y = keras.layers.Dense(classes, activation=last)(y)
    return keras.Model(x, y, name="plain")


def run_import(source, output=None, **settings):
    """Imports a file for the digits; returns the results and the model."""
    output = output or source.with_name("out.keras")
    chosen = config.Data(dataset=settings.pop("dataset", "digits"))
    results = import_model.import_model(
        str(source), str(output), chosen, **settings
    )
    return results, lit_tf.load(output)


CHECKPOINT = {"model": "resnet8", "normalization": "digits"}


def images(count=5):
    return data.load(config.Data()).test.inputs[:count]


def refusal(kind, source, **settings):
    """Returns the one-line error message; checks that no file is left."""
    folder = source.parent
    before = sorted(folder.iterdir())
    with pytest.raises(kind) as error:
        run_import(source, **settings)
    assert sorted(folder.iterdir()) == before
    (line,) = str(error.value).splitlines()
    return line


def test_an_imported_checkpoint_has_the_outputs_of_the_original_model(tmp_path):
    model = publish(tmp_path / "w.npz")
    results, imported = run_import(tmp_path / "w.npz", **CHECKPOINT)
    assert isinstance(imported, SectionedModel)
    np.testing.assert_array_equal(imported(images()), model(images()))
    assert results == {
        "model": "resnet8",
        "parameters": model.count_params(),
        "arrays": len(model.variables),
        "normalization": "digits",
        "softmax": False,
    }


def test_an_imported_model_records_its_source(tmp_path):
    path = tmp_path / "w.npz"
    publish(path)
    _, imported = run_import(path, **CHECKPOINT)
    assert imported.facts["imported"] == {
        "source": "w.npz",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "normalization": "digits",
    }


def test_the_normalization_becomes_part_of_the_stem(tmp_path):
    model = publish(tmp_path / "w.npz", mean=(0.0,), std=(1.0,))
    settings = CHECKPOINT | {"normalization": "0.1,0.5"}
    _, imported = run_import(tmp_path / "w.npz", **settings)
    np.testing.assert_allclose(
        imported(images()),
        model((images() / 255.0 - 0.1) / 0.5),
        rtol=1e-4,
        atol=1e-5,
    )


def test_a_student_has_the_normalization_of_its_imported_teacher(tmp_path):
    publish(tmp_path / "w.npz")
    settings = CHECKPOINT | {"normalization": "0.1,0.5"}
    _, teacher = run_import(tmp_path / "w.npz", **settings)
    none = config.Phase(
        epochs=0, batch_size=32, learning_rate=0.1, weight_decay=0.0
    )
    run = tmp_path / "run"
    compress(
        config.Compress(
            student="resnet8",
            teacher_weights=str(tmp_path / "out.keras"),
            lit=none,
            fine_tune=none,
            session=config.Session(workdir=str(run)),
        )
    )
    student = lit_tf.load(run / "student.keras")
    np.testing.assert_array_equal(
        student.stem(images()), teacher.stem(images())
    )


def test_a_checkpoint_of_another_depth_is_refused_and_recognized(tmp_path):
    publish(tmp_path / "w.npz", "resnet14")
    line = refusal(errors.DataError, tmp_path / "w.npz", **CHECKPOINT)
    assert "w.npz does not fit resnet8, and nothing was loaded" in line
    assert "30 unexpected (layer1.1.conv1.weight, " in line
    assert line.endswith(" and 26 more). It looks like resnet14.")


def test_the_message_for_other_classes_names_both_shapes(tmp_path):
    publish(tmp_path / "w.npz", classes=7)
    line = refusal(errors.DataError, tmp_path / "w.npz", **CHECKPOINT)
    assert line.endswith(
        "2 of another shape (linear.weight [7, 64] instead of [10, 64], "
        "linear.bias [7] instead of [10])."
    )


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path):
    np.savez(tmp_path / "w.npz", **{"fc.weight": np.ones((2, 3))})
    line = refusal(errors.DataError, tmp_path / "w.npz", **CHECKPOINT)
    assert "37 missing (conv1.weight, " in line
    assert line.endswith("1 unexpected (fc.weight).")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"output": "out.h5"}, "`output` must be a .keras file. Received: "),
        ({"model": ""}, "`model` must name the architecture of "),
        ({"model": "resnet9"}, "The nearest is resnet8."),
        ({"normalization": ""}, "`normalization` must name the norm"),
        ({"normalization": "imagenet"}, "`normalization` must give 1 means"),
        ({"normalization": "digit"}, "The nearest is digits."),
        ({"dataset": "digit"}, "Unknown dataset 'digit'"),
    ],
)
def test_invalid_settings_are_refused(tmp_path, change, message):
    publish(tmp_path / "w.npz")
    settings = CHECKPOINT | change
    line = refusal(errors.SettingsError, tmp_path / "w.npz", **settings)
    assert message in line


def test_the_message_for_an_unknown_suffix_names_the_known_ones(tmp_path):
    line = refusal(errors.SettingsError, tmp_path / "w.bin", **CHECKPOINT)
    assert "`source` must end in one of .pt, .pth, .th, .saf" in line
    assert ".keras, .h5. Received: " in line


@pytest.mark.parametrize("name", ["w.npz", "w.keras", "w.h5"])
def test_a_missing_source_is_named(tmp_path, name):
    settings = CHECKPOINT if name == "w.npz" else {}
    line = refusal(errors.DataError, tmp_path / name, **settings)
    assert line.startswith("There is no ") and name in line


def test_an_existing_output_is_replaced_only_with_overwrite(tmp_path):
    output = tmp_path / "out.keras"
    output.write_text("precious")
    publish(tmp_path / "w.npz")
    line = refusal(errors.DataError, tmp_path / "w.npz", **CHECKPOINT)
    assert line == f"{output} exists; --overwrite replaces it."
    assert output.read_text() == "precious"
    run_import(tmp_path / "w.npz", overwrite=True, **CHECKPOINT)
    output.unlink()
    output.mkdir()
    line = refusal(
        errors.DataError, tmp_path / "w.npz", overwrite=True, **CHECKPOINT
    )
    assert line == f"{output} is a folder, not a file."


def test_a_refused_import_leaves_an_existing_output(tmp_path):
    output = tmp_path / "out.keras"
    output.write_text("precious")
    publish(tmp_path / "w.npz", "resnet14")
    refusal(errors.DataError, tmp_path / "w.npz", overwrite=True, **CHECKPOINT)
    assert output.read_text() == "precious"


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


@pytest.mark.parametrize("last", ["sigmoid", keras.layers.Softmax()])
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


def test_a_checkpoint_with_negative_variances_is_refused(tmp_path):
    publish(tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as file:
        arrays = dict(file)
    arrays["module.bn1.running_var"] *= -1
    np.savez(tmp_path / "w.npz", **arrays)
    line = refusal(errors.DataError, tmp_path / "w.npz", **CHECKPOINT)
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
