"""Runs: which folders are finished runs, and which runs are comparable."""

import json
import shutil

import pytest

from lit_tf import errors
from lit_tf.comparison import rows, runs


def test_each_run_is_found_once_in_nested_folders(leave, tmp_path):
    leave("a/one")
    leave("b/two", seed=1)
    found, skipped = runs.find(
        [str(tmp_path / "runs"), str(tmp_path / "runs" / "a" / "one")]
    )
    assert {run.folder.name for run in found} == {"one", "two"}
    assert len(found) == 2 and not skipped


def test_a_teacher_within_a_run_is_ignored(leave, tmp_path):
    folder = leave("one")
    shutil.copytree(folder, tmp_path / "aside")
    shutil.move(tmp_path / "aside", folder / "teacher")
    found, skipped = runs.find([str(tmp_path)])
    assert [run.folder for run in found] == [folder] and not skipped


def test_other_folders_are_left_out_with_the_reason(leave, tmp_path):
    leave("good")
    (leave("begun") / "report.json").unlink()
    report = leave("torn") / "report.json"
    report.write_text(report.read_text()[:-30])
    (leave("list") / "report.json").write_text('{"student": []}')
    path = leave("older") / "report.json"
    results = json.loads(path.read_text())
    del results["budget"]
    path.write_text(json.dumps(results))
    path = leave("taught") / "report.json"
    results = json.loads(path.read_text())
    del results["student"]
    path.write_text(json.dumps(results))
    path = leave("partial") / "report.json"
    results = json.loads(path.read_text())
    del results["teacher"]["depth"]
    path.write_text(json.dumps(results))
    # Generators have no accuracy, nor has a classifier without both splits.
    leave("drawn", read_test=False, validation=None, best=None)
    found, skipped = runs.find([str(tmp_path)])
    assert [run.folder.name for run in found] == ["good"]
    place = tmp_path / "runs"
    assert set(skipped) == {
        f"{place}/begun: not finished",
        f"{place}/torn: damaged",
        f"{place}/partial: damaged",
        f"{place}/list: its report, of another kind, has no settings",
        f"{place}/older: its report, of another kind, has no budget",
        f"{place}/taught: a run of lit-teach",
        f"{place}/drawn: without test and validation accuracy",
    }


def test_a_report_of_version_0_1_is_in_the_same_row_as_a_new_one(leave):
    path = leave("old", fine_tune=False) / "report.json"
    report = json.loads(path.read_text())
    settings = report["settings"]
    settings["no_fine_tune"] = not settings.pop("fine_tune")
    path.write_text(json.dumps(report))
    new = leave("new", fine_tune=False, seed=1)
    found, skipped = runs.find([str(path.parent), str(new)])
    old, new = found
    assert not skipped and old.identity == new.identity
    ((row,),) = rows.tables(found)
    assert row.name == "lit" and rows.shared([row]) == ["fine_tune=False"]


def test_folders_without_a_finished_run_are_refused(leave, tmp_path):
    with pytest.raises(errors.DataError, match="There is no folder"):
        runs.find([str(tmp_path / "gone")])
    (leave("begun") / "report.json").unlink()
    with pytest.raises(errors.DataError) as refusal:
        runs.find([str(tmp_path)])
    assert str(refusal.value) == (
        "There is no finished run of lit-compress in these folders. Left out: "
        f"{tmp_path}/runs/begun: not finished."
    )


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"data": {"fingerprint": "other"}}, "(other, 10,000 test examples"),
        ({"data": {"test": 9999}}, "9,999 test examples"),
        ({"split_seed": 1}, "--split_seed=1"),
        ({"validation_fraction": 0.2}, "--validation_fraction=0.2"),
        ({"versions": {"keras": "3.13.2"}}, "keras 3.13.2"),
        ({"versions": {"lit_tf": "0.2.0"}}, "lit_tf 0.2.0"),
    ],
)
def test_runs_of_other_data_or_versions_are_refused_by_name(
    leave, tmp_path, changes, word
):
    leave("one")
    leave("other", seed=1, **changes)
    found, _ = runs.find([str(tmp_path)])
    with pytest.raises(errors.DataError) as refusal:
        runs.check(found, mixed=False)
    assert word in str(refusal.value)
    assert str(tmp_path / "runs" / "other") in str(refusal.value)
    assert "Pass --mixed to report them together." in str(refusal.value)
    (warning,) = runs.check(found, mixed=True)
    assert warning.startswith("These runs have different")


def test_the_python_versions_may_differ(leave, tmp_path):
    leave("one")
    leave("other", seed=1, versions={"python": "3.12.1"})
    found, _ = runs.find([str(tmp_path)])
    assert runs.check(found, mixed=False) == []


def test_two_runs_with_the_same_seed_are_refused_by_name(leave, tmp_path):
    one, other = leave("one"), leave("other", workdir="elsewhere")
    found, _ = runs.find([str(tmp_path)])
    with pytest.raises(errors.DataError) as refusal:
        runs.check(found, mixed=True)
    assert str(refusal.value) == (
        f"{one} and {other} have the same settings and the same seed, 0. Leave "
        "one of them out."
    )
