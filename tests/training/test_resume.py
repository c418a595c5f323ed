"""A run that was killed and resumed ends like an undisturbed run."""

import json
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.util import tensor_util

FLAGS = (
    "--teacher=resnet8",
    "--student=resnet8",
    *(f"--{phase}_epochs=2" for phase in ("teach", "lit", "fine_tune")),
    *(f"--{phase}_milestones=1" for phase in ("teach", "lit", "fine_tune")),
    *(f"--{phase}_batch_size=100" for phase in ("teach", "lit", "fine_tune")),
    "--checkpoint_steps=6",
    "--log_steps=1",
)
# Within an epoch, before the first step, and at the end of a phase.
KILLS = (
    ("teacher/checkpoints/teach.npz", 5),
    ("checkpoints/lit.npz", 0),
    ("checkpoints/lit.npz", 16),
    ("checkpoints/fine_tune.npz", 9),
)


def _start(workdir):
    command = [sys.executable, "-m", "lit_tf.launch.compress", *FLAGS]
    return subprocess.Popen(
        [*command, f"--workdir={workdir}"],
        cwd=workdir.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _finish(process):
    _, error = process.communicate()
    assert process.returncode == 0, error.decode()


def _kill_at(workdir, checkpoint, step):
    """Kills a run when its checkpoint has reached a step.

    Except at step 0, it waits until the log is ahead of the checkpoint, so that
    the resumed run must truncate the log.

    Returns:
        By how many steps the log is ahead of the checkpoint.
    """
    process = _start(workdir)
    path = workdir / checkpoint
    while process.poll() is None:
        saved = _step(path)
        if saved >= step and (not step or 0 < _logged(path) - saved < 4):
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.002)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    return _logged(path) - _step(path)


def _logged(checkpoint):
    """Returns the last step of the checkpoint's phase in the run's log."""
    log = checkpoint.parent.parent / "metrics.jsonl"
    text = log.read_text() if log.is_file() else ""
    rows = [json.loads(line) for line in text.split("\n")[:-1]]
    steps = [r["step"] for r in rows if r["phase"] == checkpoint.stem]
    return max(steps, default=-1)


def _step(path):
    if not path.is_file():
        return -1
    with np.load(path) as archive:
        return json.loads(str(archive["position"]))["step"]


def _rows(workdir):
    rows = [
        json.loads(line)
        for line in (workdir / "metrics.jsonl").read_text().splitlines()
    ]
    # Only the throughput may differ.
    return [
        {k: v for k, v in row.items() if k != "examples_per_second"}
        for row in rows
    ]


def _events(workdir, phase):
    # All events in the files. By default, the reader drops events that occur
    # twice, which would hide a log that was not truncated.
    events = event_accumulator.EventAccumulator(
        str(workdir / "logs" / phase),
        size_guidance={"tensors": 0},
        purge_orphaned_data=False,
    )
    events.Reload()
    return {
        tag: [
            (event.step, float(tensor_util.make_ndarray(event.tensor_proto)))
            for event in events.Tensors(tag)
        ]
        for tag in events.Tags()["tensors"]
        if tag != "examples_per_second" and not tag.startswith("_hparams_")
    }


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two run folders: an undisturbed run, and one killed several times."""
    place = tmp_path_factory.mktemp("runs")
    undisturbed, killed = place / "undisturbed", place / "killed"
    _finish(_start(undisturbed))
    leads = [_kill_at(killed, *moment) for moment in KILLS]
    assert any(lead > 0 for lead in leads), "no log had to be truncated"
    _finish(_start(killed))
    return undisturbed, killed


@pytest.mark.parametrize(
    "checkpoint",
    [
        "teacher/checkpoints/teach.npz",
        "checkpoints/lit.npz",
        "checkpoints/fine_tune.npz",
    ],
)
def test_a_killed_run_ends_with_bit_equal_variables(runs, checkpoint, close):
    undisturbed, killed = (np.load(run / checkpoint) for run in runs)
    assert undisturbed.files == killed.files
    for name in set(undisturbed.files) - {"position", "paths"}:
        close(killed[name], undisturbed[name], 0)


def test_a_killed_run_ends_with_the_same_metrics(runs):
    undisturbed, killed = map(_rows, runs)
    assert undisturbed == killed
    assert {row["phase"] for row in killed} == {"lit", "fine_tune"}


@pytest.mark.parametrize("phase", ["lit", "fine_tune", "teacher"])
def test_a_killed_run_ends_with_the_same_tensorboard(runs, phase):
    undisturbed, killed = (_events(run, phase) for run in runs)
    assert undisturbed
    assert undisturbed == killed


def test_a_killed_run_counts_the_time_of_all_its_sessions(runs):
    _, killed = runs
    report = json.loads((killed / "report.json").read_text())
    assert report["wall_seconds"].keys() >= {"teach", "lit", "fine_tune"}
    assert all(seconds > 0 for seconds in report["wall_seconds"].values())


def test_a_finished_run_says_so_and_changes_nothing(runs):
    workdir, _ = runs

    def state():
        return {
            path: path.stat().st_mtime_ns
            for path in pathlib.Path(workdir).rglob("*")
            if path.is_file() and path.name != ".lock"
        }

    before = state()
    command = [sys.executable, "-m", "lit_tf.launch.compress", *FLAGS]
    again = subprocess.run(
        [*command, f"--workdir={workdir}"],
        cwd=workdir.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "is finished" in again.stdout
    assert "student resnet8" in again.stdout
    assert state() == before
