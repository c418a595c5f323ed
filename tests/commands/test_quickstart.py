"""The first command in README."""

import json
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    """The finished process and the report of the quickstart."""
    folder = tmp_path_factory.mktemp("quickstart")
    line = [sys.executable, "-m", "lit_tf.launch.compress"]
    done = subprocess.run(
        [*line, "--recipe=quickstart"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    report = folder / "runs" / "quickstart" / "report.json"
    return done, json.loads(report.read_text())


def test_the_student_is_nearly_as_accurate_as_its_deep_teacher(quickstart):
    _, report = quickstart
    teacher, student = report["teacher"], report["student"]
    assert teacher["test_accuracy"] >= 0.98
    assert student["test_accuracy"] >= teacher["test_accuracy"] - 0.007
    assert report["compression"]["depth"] >= 3


def test_its_output_is_plain_lines_and_no_warnings(quickstart):
    done, _ = quickstart
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    epochs = [line for line in lines if line.startswith("lit ")]
    assert len(epochs) == 30
    for word in ("total", "hard", "ir", "lr", "examples/s", "left", "(teacher"):
        assert word in epochs[0]
    assert not [line for line in lines if "\x1b" in line or "\r" in line]


def test_it_prints_what_will_be_trained_first(quickstart):
    done, _ = quickstart
    table = done.stdout.index("| section 1")
    teacher = done.stdout.index("teacher   9")
    assert table < teacher < done.stdout.index("lit         1/30")
