"""The accuracy of the quickstart, the first command in README.

It is a real run of more than a minute: `pytest -m accuracy`.
"""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.accuracy


def test_the_student_is_nearly_as_accurate_as_its_deep_teacher(tmp_path):
    line = [sys.executable, "-m", "lit_tf.launch.compress"]
    completed = subprocess.run(
        [*line, "--recipe=quickstart"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (completed.returncode, completed.stderr) == (0, "")
    report = tmp_path / "runs" / "quickstart" / "report.json"
    results = json.loads(report.read_text())
    teacher, student = results["teacher"], results["student"]
    assert teacher["test_accuracy"] >= 0.98
    assert student["test_accuracy"] >= teacher["test_accuracy"] - 0.007
    assert results["compression"]["depth"] >= 3
