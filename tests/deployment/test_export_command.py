"""Exports of a run: checked, measured, reported, or refused in a sentence."""

import json
import sys

import keras
import numpy as np
import pytest
import slow
import small
import tensorflow as tf

import lit_tf
from lit_tf import config, errors
from lit_tf.config.deployment import Deployment
from lit_tf.deployment import (
    export_command,
    export_report,
    lite_model,
    measurement,
)
from lit_tf.experiment import trained_models

DIGITS = config.Data(dataset="digits", validation_fraction=0)
needs_litert = pytest.mark.skipif(
    not lite_model.installed(), reason="ai-edge-litert, the extra [litert]"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run folder with an untrained teacher and student."""
    root = tmp_path_factory.mktemp("run")
    form = lit_tf.data.load(DIGITS).form
    for depth, path in ((10, "teacher/teacher.keras"), (6, "student.keras")):
        (root / path).parent.mkdir(exist_ok=True)
        small.build(depth, **form).save(root / path)
    return root


@pytest.fixture
def export(folder, tmp_path, monkeypatch):
    """A function: settings → the facts of an export of the student."""
    monkeypatch.setattr(measurement, "_LATENCY_RUNS", 2)

    def run(output="out.tflite", *, overwrite=False, texts=False, **how):
        return export_command.export(
            str(folder),
            str(tmp_path / output),
            DIGITS,
            config.Session(),
            Deployment(**({"format": "litert"} | how)),
            overwrite=overwrite,
            texts=texts,
        )

    return run


@needs_litert
def test_an_export_is_measured_beside_teacher_and_student(
    export, folder, tmp_path
):
    facts = export(quantize="int8", calibration_examples=16)
    file = tmp_path / "out.tflite"
    assert facts["export"]["bytes"] == file.stat().st_size
    assert facts["export"]["agreement"] > 0.8
    for role in ("teacher", "model", "export"):
        assert 0 <= facts[role]["test_accuracy"] <= 1
        assert facts[role]["latency_ms"] > 0 and facts[role]["bytes"] > 0
    known = json.loads((folder / "export_litert_int8.json").read_text())
    assert known == facts
    assert known["calibration"]["examples"] == 16
    rows = export_report.table(facts).splitlines()
    firsts = [row.split("|")[1].strip() for row in rows[2:5]]
    assert firsts == ["teacher.keras", "student.keras", "litert int8"]
    assert rows[-1].startswith("Latency: TensorFlow on ")
    assert rows[-1].endswith("and LiteRT on 1 thread.")
    assert facts["check"]["checked_on"] == 64
    assert 0 < facts["check"]["same_class"] <= 1


@pytest.mark.parametrize(
    "format", slow.all_but(["keras"], ["keras", "saved_model"])
)
def test_other_formats_are_measured_too(export, tmp_path, format):
    suffix = ".keras" if format == "keras" else ""
    facts = export(f"out{suffix}", format=format)
    student, written = facts["model"], facts["export"]
    assert written["test_accuracy"] == student["test_accuracy"]
    assert facts["check"]["max_difference"] < 1e-4
    if format == "keras":
        keras.models.load_model(tmp_path / "out.keras")


def test_without_measurement_the_test_split_is_not_read(
    export, tmp_path, monkeypatch
):
    monkeypatch.setattr(export_command, "_Measured", None)
    facts = export("out.keras", format="keras", measure=False)
    assert "export" not in facts and not export_report.table(facts)
    assert (tmp_path / "out.keras").is_file()


def test_the_seed_chooses_the_calibration_examples(monkeypatch):
    split = lit_tf.data.load(DIGITS).train
    monkeypatch.setattr(
        measurement.signature_values,
        "named_inputs",
        lambda signature, examples: {"inputs": examples},
    )

    def chosen(seed, count=5):
        how = Deployment(
            format="litert",
            quantize="int8",
            seed=seed,
            calibration_examples=count,
        )
        rows = measurement.calibration(how, split, None)
        return np.concatenate([row["inputs"] for row in rows])

    np.testing.assert_array_equal(chosen(0), chosen(0))
    assert not np.array_equal(chosen(0), chosen(1))
    assert len(chosen(0, 10_000)) == len(split)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"format": "keras"}, "must end in .keras"),
        ({"output": "out.bin"}, "must end in .tflite"),
        (
            {"output": "out.keras"},
            "LiteRT file must end in .tflite; .keras is for `format` keras",
        ),
        (
            {"output": "out.tflite", "format": "saved_model"},
            "must not end in .tflite; .tflite is for `format` litert",
        ),
        ({"output": "file/out.tflite"}, "file/out.tflite cannot be written to"),
        ({"output": "folder.tflite"}, "folder.tflite is a folder, not a file"),
        ({"output": "other.tflite"}, "other.tflite exists. In Python overw"),
        (
            {"output": "other.tflite", "overwrite": True},
            "other.tflite is not a LiteRT file",
        ),
        ({"texts": True}, "Only a SavedModel takes texts"),
        (
            {"output": "folder", "format": "saved_model", "overwrite": True},
            "folder is not a SavedModel",
        ),
        (
            {"quantize": "int8", "format": "keras"},
            "Only `format` litert is quantized",
        ),
        ({"calibration_examples": 0}, "`calibration_examples` must be ≥ 1"),
        ({"integer_io": True}, "`integer_io` is for `quantize` int8"),
        ({"format": "onnx"}, "format"),
    ],
)
def test_a_request_that_cannot_be_met_changes_nothing(
    export, tmp_path, monkeypatch, how, message
):
    monkeypatch.setattr(lite_model, "require_runtime", lambda: None)
    (tmp_path / "file").write_text("a file")
    (tmp_path / "other.tflite").write_text("of another program")
    for name in ("folder.tflite", "folder"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(errors.ALL, match=message):
        export(**how)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "other.tflite").read_text() == "of another program"


def test_a_run_folder_that_cannot_be_written_is_refused_first(
    export, folder, tmp_path
):
    taken = folder / "export_keras.json"
    taken.unlink(missing_ok=True)
    taken.mkdir()
    try:
        with pytest.raises(errors.DataError, match="export_keras.json is a fo"):
            export("out.keras", format="keras")
    finally:
        taken.rmdir()
    assert not list(tmp_path.iterdir())


def test_the_table_is_printed_before_the_report_is_written(
    export, monkeypatch, capsys
):
    def write(*_):
        raise errors.DataError("The disk is full.")

    monkeypatch.setattr(export_report, "write", write)
    with pytest.raises(errors.DataError, match="disk is full"):
        export("out.keras", format="keras")
    printed = capsys.readouterr().out
    assert "latency, batch 1" in printed and "Latency: TensorFlow" in printed


@pytest.mark.parametrize(
    ("path", "format"),
    [("a.tflite", "litert"), ("b.keras", "keras"), ("c", "saved_model")],
)
def test_the_suffix_of_the_path_decides_the_format(path, format):
    assert Deployment().for_path(path).format == format
    assert Deployment(format=format).for_path(path).format == format


def test_a_precision_that_the_suffix_does_not_allow_is_refused():
    with pytest.raises(errors.SettingsError, match="litert is quantized"):
        Deployment(quantize="int8").for_path("student.keras")


@pytest.mark.parametrize("command", ["export", "evaluate"])
def test_a_broken_file_ends_a_command_in_one_sentence(
    export, folder, monkeypatch, command
):
    def load(*_):
        message = "DataError: a.png is broken.\nTraceback (most recent call"
        raise tf.errors.UnknownError(None, None, message)

    monkeypatch.setattr(trained_models.run_data, "load", load)
    with pytest.raises(errors.DataError, match=r"^a.png is broken\.$"):
        if command == "export":
            export("out.keras", format="keras")
        trained_models.evaluate(str(folder), DIGITS)


def test_without_ai_edge_litert_nothing_is_written(
    export, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(errors.SettingsError, match=r"pip install 'lit_tf\[lit"):
        export()
    assert not list(tmp_path.iterdir())


@needs_litert
@pytest.mark.parametrize("fault", ["another output", "not finite"])
def test_a_file_with_other_outputs_is_refused(
    export, tmp_path, monkeypatch, fault
):
    run = lite_model.LiteModel.__call__
    wrong = np.nan if fault == "not finite" else 1.0
    monkeypatch.setattr(
        lite_model.LiteModel,
        "__call__",
        lambda self, inputs: {
            name: one + wrong for name, one in run(self, inputs).items()
        },
    )
    with pytest.raises(errors.DataError, match="Nothing was written"):
        export()
    assert not list(tmp_path.iterdir())
