"""The quickstart: the first command in README."""

import json
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    """The finished process and the report of the quickstart."""
    folder = tmp_path_factory.mktemp("quickstart")
    line = [sys.executable, "-m", "lit_tf.launch.compress"]
    completed = subprocess.run(
        [*line, "--recipe=quickstart"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert completed.returncode == 0, completed.stderr
    report = folder / "runs" / "quickstart" / "report.json"
    return completed, json.loads(report.read_text())


def test_the_student_is_nearly_as_accurate_as_its_deep_teacher(quickstart):
    _, report = quickstart
    teacher, student = report["teacher"], report["student"]
    assert teacher["test_accuracy"] >= 0.98
    assert student["test_accuracy"] >= teacher["test_accuracy"] - 0.007
    assert report["compression"]["depth"] >= 3


def test_the_output_is_plain_lines_without_warnings(quickstart):
    completed, _ = quickstart
    assert completed.stderr == ""
    lines = completed.stdout.splitlines()
    epochs = [line for line in lines if line.startswith("lit ")]
    assert len(epochs) == 30
    for word in ("total", "hard", "ir", "lr", "examples/s", "left", "(teacher"):
        assert word in epochs[0]
    assert not [line for line in lines if "\x1b" in line or "\r" in line]


def test_the_plan_is_printed_before_training(quickstart):
    completed, _ = quickstart
    table = completed.stdout.index("| section 1")
    teacher = completed.stdout.index("teacher   9")
    assert table < teacher < completed.stdout.index("lit         1/30")
