"""A run that was killed and resumed ends like an undisturbed run."""

import json
import re
import signal

import forked
import numpy as np
import pytest
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.util import tensor_util

FLAGS = (
    "--teacher=small6",
    "--student=small6",
    *(f"--{phase}_epochs=2" for phase in ("teach", "lit", "fine_tune")),
    *(f"--{phase}_milestones=1" for phase in ("teach", "lit", "fine_tune")),
    *(f"--{phase}_batch_size=100" for phase in ("teach", "lit", "fine_tune")),
    "--checkpoint_steps=6",
    "--log_steps=1",
)
SMALL = "import small; small.register()\n"
SKIP_COSTS = "small.skip_costs()\n"
# The file of the phase, the step, and by how many steps the log is then ahead
# of the checkpoint: the resumed run must truncate it. An epoch has 13 steps.
KILLS = (
    ("teacher/checkpoints/teach.npz", 8, 2),
    ("checkpoints/lit.npz", 0, 0),
    ("checkpoints/lit.npz", 19, 1),
    # Before the checkpoint at the end of the phase.
    ("checkpoints/fine_tune.npz", 26, 2),
)


@pytest.fixture(scope="module")
def start(server):
    """A function: run folder, code to run first → the ended process."""

    def make(workdir, before=""):
        return server.run(
            "lit-compress",
            *FLAGS,
            f"--workdir={workdir}",
            cwd=workdir.parent,
            before=SMALL + before,
        )

    return make


def _logged(checkpoint):
    """Returns the last step of the checkpoint's phase in the run's log."""
    log = checkpoint.parent.parent / "metrics.jsonl"
    text = log.read_text() if log.is_file() else ""
    rows = [json.loads(line) for line in text.split("\n")[:-1]]
    steps = [r["step"] for r in rows if r["phase"] == checkpoint.stem]
    return max(steps, default=0)


def _step(path):
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
def undisturbed(start, tmp_path_factory):
    """The run folder and the process of a run that was not killed."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    return folder, start(folder)


@pytest.fixture(scope="module")
def runs(start, undisturbed, tmp_path_factory):
    """Two run folders: an undisturbed run, and one killed several times."""
    killed = tmp_path_factory.mktemp("killed") / "run"
    for file, step, lead in KILLS:
        path = killed / file
        process = start(killed, SKIP_COSTS + forked.killed_at(path.stem, step))
        assert process.code == -signal.SIGKILL, process.err
        assert _logged(path) == step == _step(path) + lead
    process = start(killed, SKIP_COSTS)
    assert process.code == 0, process.err
    return undisturbed[0], killed


def test_the_output_is_plain_lines_without_warnings(undisturbed):
    _, process = undisturbed
    assert (process.code, process.err) == (0, "")
    lines = process.out.splitlines()
    epochs = [line for line in lines if line.startswith("lit ")]
    assert len(epochs) == 2
    for word in ("total", "hard", "ir", "lr", "examples/s", "left", "(teacher"):
        assert word in epochs[0]
    assert not [line for line in lines if "\x1b" in line or "\r" in line]


def test_the_plan_is_printed_before_training(undisturbed):
    output = undisturbed[1].out
    table = output.index("| section 1")
    first = output.index("teach       1/2")
    checked = re.search(r"^teacher +\d", output, re.MULTILINE).start()
    assert table < first < checked < output.index("lit         1/2")


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


def test_a_finished_run_says_so_and_changes_nothing(undisturbed, start):
    workdir, _ = undisturbed

    def state():
        return {
            path: path.stat().st_mtime_ns
            for path in workdir.rglob("*")
            if path.is_file() and path.name != ".lock"
        }

    before = state()
    again = start(workdir)
    assert again.code == 0, again.err
    assert "is finished" in again.out
    assert "student small6" in again.out
    assert state() == before
