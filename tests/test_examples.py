"""The scripts in examples/ run, and are short."""

import contextlib
import json
import pathlib
import runpy

import eager
import keras
import pytest

import lit_tf

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
# The other scripts train for a few steps. To trace these steps, as the tests of
# every method do, would take longer than to run them eagerly.
TRACED = ("tf_data",)
STUDENTS = {"tf_data": "runs/tf_data/student.keras"}


@pytest.mark.usefixtures("without_costs")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_runs_and_leaves_a_student(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    traced = script.stem in TRACED
    with contextlib.nullcontext() if traced else eager.steps():
        runpy.run_path(str(script), run_name="__main__")
    student = lit_tf.load(STUDENTS.get(script.stem, "student.keras"))
    assert student.count_params() > 0


@pytest.mark.usefixtures("without_costs")
@pytest.mark.slow
def test_the_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((EXAMPLES / "one_call.ipynb").read_text())
    variables = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            text = "".join(cell["source"])
            # Fewer epochs prove the same.
            exec(text.replace("epochs=20", "epochs=2"), variables)
    assert "accuracy" in variables["result"].table
    student = keras.models.load_model("student.keras")
    assert student.count_params() < variables["model"].count_params()
    assert (tmp_path / "saved_model").is_dir()


def test_every_script_is_short_and_listed():
    listed = (EXAMPLES / "README.md").read_text()
    assert len(SCRIPTS) >= 3
    for script in SCRIPTS:
        assert len(script.read_text().splitlines()) <= 80
        assert f"({script.name})" in listed
