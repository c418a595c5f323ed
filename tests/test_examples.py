"""The scripts in examples/ run, and are short."""

import pathlib
import runpy

import pytest

import lit_tf

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
STUDENTS = {"tf_data": "runs/tf_data/student.keras"}


@pytest.mark.usefixtures("without_costs")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_runs_and_leaves_a_student(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(script), run_name="__main__")
    student = lit_tf.load(STUDENTS.get(script.stem, "student.keras"))
    assert student.count_params() > 0


def test_every_script_is_short_and_listed():
    listed = (EXAMPLES / "README.md").read_text()
    assert len(SCRIPTS) >= 3
    for script in SCRIPTS:
        assert len(script.read_text().splitlines()) <= 80
        assert f"({script.name})" in listed
