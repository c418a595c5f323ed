"""The README's first line, as a stranger runs it."""

import json
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    """What the line printed, its complaints, and the report it left."""
    place = tmp_path_factory.mktemp("quickstart")
    line = [sys.executable, "-m", "lit_tf.launch.compress"]
    said = subprocess.run(
        [*line, "--recipe=quickstart"],
        cwd=place,
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    folder = place / "runs" / "quickstart"
    return said, json.loads((folder / "report.json").read_text())


def test_a_shallow_student_is_as_good_as_its_deep_teacher(quickstart):
    _, report = quickstart
    teacher, student = report["teacher"], report["student"]
    assert teacher["test_accuracy"] >= 0.98
    assert student["test_accuracy"] >= teacher["test_accuracy"] - 0.007
    assert report["compression"]["depth"] >= 3


def test_its_output_is_readable_and_nothing_else(quickstart):
    said, _ = quickstart
    assert said.stderr == ""
    lines = said.stdout.splitlines()
    epochs = [line for line in lines if line.startswith("lit ")]
    assert len(epochs) == 30
    for word in ("total", "hard", "ir", "lr", "examples/s", "left", "(teacher"):
        assert word in epochs[0]
    assert not [line for line in lines if "\x1b" in line or "\r" in line]


def test_it_says_what_is_trained_before_it_trains(quickstart):
    said, _ = quickstart
    table = said.stdout.index("| section 1")
    teacher = said.stdout.index("teacher   9")
    assert table < teacher < said.stdout.index("lit         1/30")
