"""A run folder belongs to one run, and one process writes to it."""

import dataclasses
import json

import pytest

from lit_tf import config, errors
from lit_tf.training import begun_run, run_folder


def _config(path, **changes):
    session = config.Session(
        workdir=str(path), overwrite=changes.pop("overwrite", False)
    )
    return config.Compress(session=session, **changes)


def _leave(path, **changes):
    with run_folder.opened(
        _config(path, **changes), command="lit-compress"
    ) as w:
        w.checkpoints.mkdir(exist_ok=True)


def test_a_new_folder_records_the_settings_of_its_run(tmp_path):
    _leave(tmp_path / "run", student="resnet14")
    written = json.loads((tmp_path / "run" / "config.json").read_text())
    assert written["settings"]["student"] == "resnet14"
    assert written["command"] == "lit-compress"
    assert {"python", "tensorflow", "keras"} <= written["versions"].keys()
    flags = (tmp_path / "run" / "recipe.flags").read_text().splitlines()
    assert "--student=resnet14" in flags
    assert "--lit_milestones=100" in flags


def test_a_run_may_resume_with_another_data_folder(tmp_path):
    _leave(tmp_path)
    session = config.Session(
        workdir=str(tmp_path), data_dir="/elsewhere", checkpoint_steps=7
    )
    again = dataclasses.replace(_config(tmp_path), session=session)
    with run_folder.opened(again) as folder:
        assert not folder.finished


def test_a_folder_that_version_0_1_wrote_belongs_to_the_same_settings(tmp_path):
    _leave(tmp_path, with_fine_tune=False)
    path = tmp_path / "config.json"
    written = json.loads(path.read_text())
    # Version 0.1 wrote the opposite, under another name.
    written["settings"]["no_fine_tune"] = not written["settings"].pop(
        "fine_tune"
    )
    path.write_text(json.dumps(written))
    _leave(tmp_path, with_fine_tune=False)
    with pytest.raises(errors.SettingsError) as caught:
        _leave(tmp_path)
    assert "--fine_tune was False, now True" in str(caught.value)
    assert "no_fine_tune" not in str(caught.value)


def test_other_settings_are_refused_and_the_flags_are_named(tmp_path):
    _leave(tmp_path)
    with pytest.raises(errors.SettingsError) as caught:
        _leave(tmp_path, student="resnet32", min_teacher_accuracy=0.5)
    assert "--student was 'resnet20', now 'resnet32'" in str(caught.value)
    assert "--min_teacher_accuracy was -1.0, now 0.5" in str(caught.value)
    assert "--alpha" not in str(caught.value)


@pytest.mark.parametrize("now", [0.0, -1.0])
def test_a_run_of_version_0_1_had_no_least_accuracy(tmp_path, now):
    _leave(tmp_path)
    path = tmp_path / "config.json"
    written = json.loads(path.read_text())
    written["settings"]["min_teacher_accuracy"] = 0.0  # Its default.
    path.write_text(json.dumps(written))
    _leave(tmp_path, min_teacher_accuracy=now)


def test_a_run_that_failed_before_it_started_does_not_own_its_folder(tmp_path):
    with run_folder.opened(_config(tmp_path, teacher_weights="gone.keras")):
        pass
    _leave(tmp_path, teacher_weights="found.keras")
    written = json.loads((tmp_path / "config.json").read_text())
    assert written["settings"]["teacher_weights"] == "found.keras"


def test_another_command_is_refused(tmp_path):
    _leave(tmp_path)
    session = config.Session(workdir=str(tmp_path))
    with pytest.raises(errors.SettingsError, match="another command"):
        with run_folder.opened(config.Teach(session=session)):
            pass


def test_overwriting_removes_what_a_run_wrote_and_nothing_else(tmp_path):
    _leave(tmp_path)
    (tmp_path / "report.json").write_text("{}")
    (tmp_path / "thesis.tex").write_text("mine")
    _leave(tmp_path, student="resnet32", overwrite=True)
    assert not (tmp_path / "report.json").exists()
    assert (tmp_path / "thesis.tex").read_text() == "mine"


def test_overwriting_keeps_the_teacher_of_the_new_run(tmp_path):
    _leave(tmp_path)
    (tmp_path / "teacher").mkdir()
    weights = tmp_path / "teacher" / "teacher.keras"
    weights.write_text("precious")
    (tmp_path / "report.json").write_text("{}")
    _leave(tmp_path, teacher_weights=str(weights), overwrite=True)
    assert weights.read_text() == "precious"
    assert not (tmp_path / "report.json").exists()


@pytest.mark.parametrize("named", ["", "teacher.keras", "my.keras"])
def test_overwriting_a_folder_whose_teacher_is_read_is_refused(tmp_path, named):
    _leave(tmp_path)
    for name in ("teacher.keras", "discriminator.keras", "my.keras"):
        (tmp_path / name).write_text("precious")
    changes = {"teacher_weights": str(tmp_path / named), "overwrite": True}
    if named == "my.keras":  # Not of a run.
        _leave(tmp_path, **changes)
        assert (tmp_path / named).read_text() == "precious"
        return
    with pytest.raises(errors.SettingsError, match="remove a model that this"):
        _leave(tmp_path, **changes)
    assert (tmp_path / "discriminator.keras").read_text() == "precious"
    assert (tmp_path / "config.json").is_file()


def test_a_folder_that_holds_only_a_teacher_is_accepted(tmp_path):
    (tmp_path / "teacher").mkdir()
    _leave(tmp_path)
    assert (tmp_path / "config.json").is_file()


def test_a_second_process_is_refused(tmp_path):
    with run_folder.opened(_config(tmp_path)):
        with pytest.raises(errors.DataError, match="Another process"):
            _leave(tmp_path)
    _leave(tmp_path)


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.DataError, match="cannot be written to"):
        _leave(tmp_path / "file" / "run")


def test_a_folder_without_its_config_is_refused(tmp_path):
    (tmp_path / "metrics.jsonl").write_text("{}\n")
    with pytest.raises(errors.DataError, match="metrics.jsonl but no config"):
        _leave(tmp_path)


def test_a_damaged_config_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"kind": "Comp')
    with pytest.raises(errors.DataError, match="damaged"):
        _leave(tmp_path)


def test_without_a_run_folder_the_current_one_is_not_read(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text('{"settings": {"seed": 0}}')
    settings = config.Compress(session=config.Session(workdir=""))
    assert begun_run.as_begun(settings) is settings


def test_a_pinned_fact_cannot_change(tmp_path):
    with run_folder.opened(_config(tmp_path)) as folder:
        folder.pin(data="abc")
        folder.pin(data="abc", teacher="def")
        with pytest.raises(errors.DataError, match="another data"):
            folder.pin(data="xyz")
