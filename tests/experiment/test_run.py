"""Whole runs of `compress`: tiny models on real digits."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import slow
import small
import tensorflow as tf
from small_runs import SHORT, settings_of
from tensorboard.backend.event_processing import event_accumulator

import lit_tf
from lit_tf import config, data, errors, models
from lit_tf.experiment import trained_models
from lit_tf.experiment.run import compress
from lit_tf.training import fit

pytestmark = pytest.mark.usefixtures("small_family")


@pytest.fixture(scope="module")
def run(small_family, tmp_path_factory):
    """The folder and the report of a finished run."""
    workdir = tmp_path_factory.mktemp("run")
    results = compress(settings_of(workdir), command="lit-compress --x")
    return workdir, results


def test_a_run_writes_these_files(run):
    workdir, _ = run
    assert {path.name for path in workdir.iterdir()} - {".lock"} == {
        "checkpoints",
        "config.json",
        "curves.png",
        "logs",
        "metrics.jsonl",
        "recipe.flags",
        "report.html",
        "report.json",
        "report.md",
        "saved_model",
        "student.keras",
        "teacher",
    }


def test_a_report_has_accuracy_costs_and_compression(run):
    workdir, results = run
    assert results == json.loads((workdir / "report.json").read_text())
    for role in ("teacher", "student"):
        facts = results[role]
        assert 0 < facts["test_accuracy"] <= 1
        assert facts["parameters"] > 0 and facts["flops"] > 0
        assert facts["saved_model_bytes"] > 0 and facts["latency_ms"] > 0
    for which in ("last", "best"):
        one = results["student"][which]
        assert one["epoch"] == 1
        assert 0 < one["validation_accuracy"] <= 1
    assert results["compression"]["depth"] == 10 / 6
    assert results["compression"].keys() >= {"parameters", "flops", "latency"}
    assert results["wall_seconds"].keys() >= {"teach", "lit", "fine_tune"}
    assert 0 < results["agreement"] <= 1
    gap = results["difference"]
    assert gap["low"] <= gap["difference"] <= gap["high"]
    assert results["export_max_difference"] < 1e-4
    assert results["settings"]["student"] == "small6"


def test_the_markdown_report_has_the_command_and_the_table(run):
    workdir, _ = run
    text = (workdir / "report.md").read_text()
    assert "lit-compress --x" in text
    assert "| test accuracy" in text
    assert "student small6" in text


def test_the_student_the_saved_model_and_the_report_agree(run):
    workdir, results = run
    for path in (workdir, workdir / "student.keras", workdir / "saved_model"):
        evaluated = trained_models.evaluate(path, config.Data())
        assert evaluated["test_accuracy"] == results["student"]["test_accuracy"]
        assert evaluated["test_examples"] == 360


def test_the_saved_models_hold_the_student(run):
    workdir, _ = run
    student = lit_tf.load(workdir / "student.keras")
    assert student.name == "small6"
    assert len(student.weights) == len(
        models.get("small6")(
            input_shape=(8, 8, 1), classes=10, mean=(0,), std=(1,)
        ).weights
    )
    loaded = tf.saved_model.load(str(workdir / "saved_model"))
    assert len(loaded.variables) == len(student.weights)


def test_the_losses_of_the_paper_are_logged(run):
    workdir, _ = run
    rows = [
        json.loads(line)
        for line in (workdir / "metrics.jsonl").read_text().splitlines()
    ]
    lit = [row for row in rows if row["phase"] == "lit"]
    assert len(lit) == 2
    for k in (1, 2):
        for stream in ("teacher_fed", "student_fed"):
            assert lit[-1][f"section_{k}/penalty_{stream}"] > 0
    assert lit[-1].keys() >= {
        *("total", "hard", "soft", "ir", "kd", "accuracy", "loss"),
        *("learning_rate", "examples_per_second", "validation/accuracy"),
    }
    assert lit[-1]["loss"] == pytest.approx(lit[-1]["total"])
    assert {d.name for d in (workdir / "logs").iterdir()} == {
        *("lit", "fine_tune", "teacher")
    }


def test_the_settings_are_in_tensorboards_hparams_tab(run):
    workdir, _ = run
    events = event_accumulator.EventAccumulator(str(workdir / "logs" / "lit"))
    events.Reload()
    shown = events.PluginTagToContent("hparams")
    assert b"temperature" in shown["_hparams_/session_start_info"]
    # Without it TensorBoard would show the average of both phases.
    assert b"phase" in shown["_hparams_/session_start_info"]


def test_tensorboard_shows_the_teachers_accuracy_as_a_line(run):
    workdir, results = run
    events = event_accumulator.EventAccumulator(
        str(workdir / "logs" / "teacher")
    )
    events.Reload()
    line = [
        tf.make_ndarray(event.tensor_proto)
        for event in events.Tensors("validation/accuracy")
    ]
    assert len(line) == 3
    level = results["teacher"]["validation_accuracy"]
    assert line == pytest.approx([level] * 3)


@pytest.mark.usefixtures("without_costs")
@pytest.mark.slow
def test_a_run_can_use_the_teacher_of_another_run(run, tmp_path, capsys):
    workdir, first = run
    settings = settings_of(tmp_path, teacher_weights=str(workdir / "teacher"))
    results = compress(settings)
    assert "was not trained on the validation" in capsys.readouterr().out
    assert "teach" not in results["wall_seconds"]
    # The same teacher, student and seed: the same student.
    assert results["student"]["last"] == first["student"]["last"]


def test_a_run_warns_if_the_teacher_had_another_split(run, tmp_path, capsys):
    workdir, _ = run
    settings = settings_of(
        tmp_path,
        teacher_weights=str(workdir / "teacher"),
        data=config.Data(dataset="digits", split_seed=1),
        min_teacher_accuracy=1.0,
    )
    with pytest.raises(errors.SettingsError, match="min_teacher_accuracy=1.0"):
        compress(settings)
    assert "may have seen the validation examples" in capsys.readouterr().out


def test_a_teacher_at_chance_stops_the_run(run, tmp_path, monkeypatch):
    workdir, _ = run
    teacher = lit_tf.load(workdir / "teacher" / "teacher.keras")
    last = [layer for layer in teacher.head.layers if layer.weights][-1]
    # The same classes in another order.
    last.set_weights([np.roll(w, 1, axis=-1) for w in last.get_weights()])
    teacher.save(tmp_path / "teacher.keras")
    settings = settings_of(
        tmp_path / "run", teacher_weights=str(tmp_path / "teacher.keras")
    )
    message = "accuracy of .*%, where chance gives .*%.* order 0, 1, 2, 3"
    with pytest.raises(errors.SettingsError, match=message):
        compress(settings)

    def trained(*_, **__):
        raise InterruptedError

    monkeypatch.setattr(fit, "run_phase", trained)
    with pytest.raises(InterruptedError):
        compress(dataclasses.replace(settings, min_teacher_accuracy=0.0))


@pytest.mark.usefixtures("without_costs")
@pytest.mark.slow
def test_without_validation_the_last_student_is_exported(run, tmp_path):
    workdir, _ = run
    settings = settings_of(
        tmp_path,
        teacher_weights=str(workdir / "teacher"),
        data=config.Data(dataset="digits", validation_fraction=0),
        compute=config.Compute(dtype="mixed_bfloat16", strategy="mirrored"),
        lit=SHORT,
    )
    results = compress(settings)
    assert results["student"]["best"] is None
    assert results["student"]["exported"] == "last"
    assert results["student"]["last"]["validation_accuracy"] is None
    student = lit_tf.load(tmp_path / "student.keras")
    assert student.sections[0].compute_dtype == "float32"


def test_a_loss_that_is_not_finite_stops_the_run(run, tmp_path):
    workdir, _ = run
    settings = settings_of(
        tmp_path,
        teacher_weights=str(workdir / "teacher"),
        lit=dataclasses.replace(SHORT, learning_rate=1e30),
        session=config.Session(workdir=str(tmp_path), checkpoint_steps=1),
    )
    with pytest.raises(errors.NonFiniteLossError) as caught:
        compress(settings)
    assert "Phase lit, epoch 1, step 2: the teacher-fed penalty of section" in (
        str(caught.value)
    )
    with np.load(tmp_path / "checkpoints" / "lit.npz") as archive:
        for name in archive.files:
            if name not in ("position", "paths"):
                assert np.isfinite(archive[name]).all(), name


def test_a_student_that_the_last_step_spoiled_is_not_exported(run, tmp_path):
    workdir, _ = run
    settings = settings_of(
        tmp_path,
        teacher_weights=str(workdir / "teacher"),
        lit=dataclasses.replace(
            SHORT,
            epochs=0,
            steps=1,
            learning_rate=3e38,
            weight_decay=100.0,
        ),
        session=config.Session(workdir=str(tmp_path)),
    )
    with pytest.raises(errors.NonFiniteLossError, match="after the last step"):
        compress(settings)
    assert not (tmp_path / "student.keras").exists()


def test_a_saved_model_is_replaced_only_with_overwrite(run, tmp_path):
    workdir, _ = run
    small.to_saved_model(workdir, tmp_path / "out", config.Data())
    with pytest.raises(errors.DataError, match="--overwrite"):
        small.to_saved_model(workdir, tmp_path / "out", config.Data())
    small.to_saved_model(
        workdir, tmp_path / "out", config.Data(), overwrite=True
    )


@pytest.mark.parametrize("output", ["thesis", "thesis/notes/..", "."])
def test_only_a_saved_model_is_replaced(run, tmp_path, monkeypatch, output):
    workdir, _ = run
    (tmp_path / "thesis" / "notes").mkdir(parents=True)
    (tmp_path / "thesis" / "thesis.tex").write_text("precious")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.DataError, match="is not a SavedModel"):
        small.to_saved_model(workdir, output, config.Data(), overwrite=True)
    assert (tmp_path / "thesis" / "thesis.tex").read_text() == "precious"


def test_the_teacher_is_loaded_from_a_run_folder(run, tmp_path, capsys):
    workdir, _ = run
    settings = settings_of(tmp_path, teacher_weights=str(workdir))
    dataset = data.load(settings.data)
    teacher = trained_models.load_teacher(
        settings.teacher_weights,
        dataset,
        name=settings.teacher,
        architecture=settings.architecture,
    )
    assert teacher.name == "small10"
    assert str(workdir / "teacher" / "teacher.keras") in capsys.readouterr().out


@pytest.mark.parametrize(
    "damage", slow.all_but([None], [b"", b"PK\x03\x04 garbage", None])
)
def test_a_damaged_checkpoint_is_refused(run, tmp_path, damage):
    copy = tmp_path / "copy"
    shutil.copytree(run[0], copy)
    (copy / "report.json").unlink()
    checkpoint = copy / "checkpoints" / "fine_tune.npz"
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(
        whole[: len(whole) // 2] if damage is None else damage
    )
    with pytest.raises(errors.DataError, match="fine_tune.npz is damaged"):
        compress(settings_of(copy))


@pytest.mark.usefixtures("without_costs")
def test_missing_files_of_a_finished_run_are_written_again(run, tmp_path):
    workdir, results = run
    copy = tmp_path / "copy"
    shutil.copytree(workdir, copy)
    (copy / "student.keras").unlink()
    (copy / "teacher" / "teacher.keras").unlink()
    with (copy / "metrics.jsonl").open("a") as file:
        file.write("{ cut off")
    again = compress(settings_of(copy))
    assert again["student"]["last"] == results["student"]["last"]
    assert (copy / "teacher" / "teacher.keras").is_file()


def test_a_damaged_report_is_refused(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run[0], copy)
    (copy / "report.json").write_text("{")
    with pytest.raises(errors.DataError, match="Remove report.json"):
        compress(settings_of(copy))
