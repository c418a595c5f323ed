"""Import of checkpoints, and errors."""

import hashlib

import numpy as np
import pytest
from import_helpers import CHECKPOINT, images, publish, refusal, run_import

import lit_tf
from lit_tf import config, errors
from lit_tf.experiment.run import compress
from lit_tf.sections.sectioned_model import SectionedModel


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


@pytest.mark.slow
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
            min_teacher_accuracy=0,  # It is not trained.
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


def test_a_checkpoint_with_negative_variances_is_refused(tmp_path):
    publish(tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as file:
        arrays = dict(file)
    arrays["module.bn1.running_var"] *= -1
    np.savez(tmp_path / "w.npz", **arrays)
    line = refusal(errors.DataError, tmp_path / "w.npz", **CHECKPOINT)
    assert line.endswith("must be finite. Received: nan or inf.")
