"""Files that version 0.1 wrote still load, resume and are reported.

The files in `v0_1/` were recorded before the modules moved and before flags
were generated from dataclasses (v0_1/README.md). The tests use only public
names, commands and files, so that they do not depend on module paths; only the
code that saves time does.
"""

import json
import pathlib
import shlex
import shutil

import keras
import numpy as np
import platforms
import pytest
import slow

import lit_tf

RECORDED = pathlib.Path(__file__).parent / "v0_1"
LINES = json.loads((RECORDED / "lines.json").read_text())
PLATFORM = json.loads((RECORDED / "platform.json").read_text())
# By unfinished run: the other folders that its command reads.
UNFINISHED = {
    "teach": (),
    "lit": (),
    "fine_tune": ("finished/lit_seed0",),
    "generator": ("models", "data"),
    "texts": ("models", "data"),
}
# Equal bits are promised on the platform of the recording.
EXACT = platforms.here() == PLATFORM
# Elsewhere sums are computed in another order, and weights may differ by this
# much. Without oneDNN the weights trained by SGD differ by 6e-6, and those
# trained by Adam, whose step is 1e-3 for a gradient of any size, by 7e-4.
ELSEWHERE = {"rtol": 1e-3, "atol": 2e-3}
# No test here reads the SavedModel and the curves of a run.
SKIP_EXPORT = "import small; small.skip_export()\n"
# The trials of a search are forks too.
FORK_TRIALS = "from lit_tf.tuning import trials; trials.PROGRAM = {}\n"


@pytest.fixture(scope="module")
def command(server):
    """A function: folder, command line → the output of a successful command."""
    program = server.program("lit-compress", before=SKIP_EXPORT)
    before = SKIP_EXPORT + FORK_TRIALS.format(program)

    def run(folder, line):
        process = server.run(*shlex.split(line), cwd=folder, before=before)
        assert process.code == 0, f"{line}\n{process.out}\n{process.err}"
        return process.out

    return run


@pytest.fixture
def copy(tmp_path):
    """A function: names of recorded folders → a folder with copies of them."""

    def make(*names):
        for name in names:
            source, target = RECORDED / name, tmp_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, target)
        return tmp_path

    return make


def state(folder):
    """Returns the modification time of each file in a folder, by path."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    }


def check_weights(weights, recorded):
    """Asserts equal bits on the recorded platform, elsewhere small errors."""
    for one, other in zip(weights, recorded, strict=True):
        if EXACT:
            np.testing.assert_array_equal(one, other)
        else:
            np.testing.assert_allclose(one, other, **ELSEWHERE)


def arrays(path):
    with np.load(path) as archive:
        return [archive[name] for name in archive.files]


def rows(path):
    """Returns the position of each row of a log, and its figures by name."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    positions = [(row["phase"], row["epoch"], row["step"]) for row in lines]
    figures = [
        {
            name: value
            for name, value in row.items()
            if name not in ("phase", "examples_per_second")
        }
        for row in lines
    ]
    return positions, figures


def recorded_arrays(name, kind):
    """Returns the recorded inputs or outputs of a model."""
    with np.load(RECORDED / "models" / "answers.npz") as archive:
        keys = [k for k in archive.files if k.startswith(f"{name}/{kind}/")]
        return [archive[key] for key in sorted(keys)]


def check_outputs(model, name):
    """Asserts that a model has the outputs of the recorded model `name`."""
    inputs = recorded_arrays(name, "input")
    recorded = recorded_arrays(name, "output")
    outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    assert recorded
    for one, other in zip(keras.tree.flatten(outputs), recorded, strict=True):
        assert one.dtype == "float32"
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "path", sorted((RECORDED / "models").glob("*.keras")), ids=lambda p: p.stem
)
def test_a_model_loads_with_the_recorded_outputs(path):
    check_outputs(lit_tf.load(path), path.stem)


def test_a_users_model_is_cut_and_shrunk_as_recorded():
    own = lit_tf.load(RECORDED / "models" / "own.keras")
    cuts = lit_tf.plan(own).cuts
    assert cuts == ("conv", "relu_2")
    sections = lit_tf.split(own, cuts)
    student = lit_tf.shrink(sections, keep=(2,), init="teacher_blocks")
    check_outputs(sections, "own")
    check_outputs(student, "own_student")


@pytest.mark.parametrize(
    "name", slow.all_but(["teach", "fine_tune", "generator"], UNFINISHED)
)
def test_an_interrupted_run_resumes_with_the_recorded_result(
    name, command, copy
):
    run = f"unfinished/{name}"
    folder = copy(run, *UNFINISHED[name])
    texts = folder / "data" / "texts"
    encoded = state(texts)
    command(folder, LINES[run])
    # The encoded texts are read, not created again.
    assert state(texts) == encoded
    role = "teacher" if name == "teach" else "student"
    model = lit_tf.load(folder / run / f"{role}.keras")
    end = RECORDED / "undisturbed" / name
    check_weights(model.get_weights(), arrays(end.with_suffix(".npz")))
    positions, figures = rows(folder / run / "metrics.jsonl")
    expected_positions, expected_figures = rows(end.with_suffix(".jsonl"))
    assert positions == expected_positions
    assert [row.keys() for row in figures] == [
        row.keys() for row in expected_figures
    ]
    if EXACT:
        assert figures == expected_figures


def test_a_finished_run_prints_its_report_and_changes_nothing(command, copy):
    run = "finished/lit_seed0"
    folder = copy(run)
    before = state(folder)
    output = command(folder, LINES[run])
    assert "finished" in output
    assert (folder / run / "report.md").read_text() in output
    assert state(folder) == before


def test_a_saved_model_is_evaluated(command, copy):
    run = "finished/lit_seed0"
    folder = copy(run)
    line = f"--model={run}/saved_model --dataset=digits --json=results.json"
    command(folder, f"lit-evaluate {line}")
    results = json.loads((folder / "results.json").read_text())
    report = json.loads((folder / run / "report.json").read_text())
    assert results["test_accuracy"] == pytest.approx(
        report["student"]["test_accuracy"], abs=0.5 / 360
    )


def numbers(value, path=""):
    """Returns the numbers in a JSON value by path, without the strings."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        inner = (numbers(v, f"{path}/{k}") for k, v in value.items())
        return {k: v for one in inner for k, v in one.items()}
    return {} if isinstance(value, str) else {path: value}


def test_finished_runs_are_reported_side_by_side(command, copy):
    folder = copy("finished")
    command(folder, "lit-report finished --output=report")
    report = json.loads((folder / "report" / "rows.json").read_text())
    recorded = json.loads((RECORDED / "finished" / "rows.json").read_text())
    (data,) = report["data"]
    assert [row["seeds"] for row in data["rows"]] == [[0, 1], [0, 1]]
    # In version 0.1 a row had the mean of its own runs, not the median of all
    # runs with the same architecture.
    latencies = [row.pop("latency_ms") for row in data["rows"]]
    for row in recorded["data"][0]["rows"]:
        del row["latency_ms"]
    assert latencies == pytest.approx([1.127046, 1.127046], rel=1e-6)
    assert numbers(report) == pytest.approx(numbers(recorded), rel=1e-6)


@pytest.fixture(scope="module")
def search(command, tmp_path_factory):
    """The folder of a resumed search, and its files before it resumed."""
    folder = tmp_path_factory.mktemp("search")
    for name in ("tune", "teacher_cache", "models", "data"):
        shutil.copytree(RECORDED / name, folder / name)
    before = state(folder)
    command(folder, LINES["tune"])
    return folder, before


def test_a_search_resumes_and_repeats_no_trial(search):
    folder, before = search
    recorded = json.loads((RECORDED / "tune" / "tune.json").read_text())
    assert [stage["name"] for stage in recorded["stages"]] == [
        "temperature",
        "alpha",
    ]
    now = state(folder)
    trials = [name for name in before if name.startswith("tune/temperature=")]
    assert sum(name.endswith("/report.json") for name in trials) == 2
    for name in trials:
        assert now[name] == before[name]
    # The interrupted trial has finished, and no other trial was started.
    started = {name for name in now if name.endswith("config.json")}
    assert started == {name for name in before if name.endswith("config.json")}
    assert "tune/beta=0.25/seed=0/report.json" in now.keys() - before.keys()
    tuned = json.loads((folder / "tune" / "tune.json").read_text())["stages"]
    # Its scores were accuracies, which were not named.
    assert tuned[:2] == [
        stage | {"score": "accuracy"} for stage in recorded["stages"]
    ]
    assert [one["value"] for one in tuned[2]["values"]] == [0.75, 0.25]
    lines = (folder / "tune" / "tuned.flags").read_text().splitlines()
    assert [line for line in lines if line.startswith("--")] == [
        f"--{stage['name']}={stage['chosen']}" for stage in tuned
    ]


@pytest.mark.skipif(
    keras.__version__ != PLATFORM["keras"],
    reason="the key of a cache contains the Keras configuration of layers",
)
def test_a_search_reads_the_recorded_teacher_cache(search):
    folder, before = search
    # The interrupted third trial read the cache and finished.
    assert (folder / "tune/beta=0.25/seed=0/report.json").is_file()
    # A cache with another key would be written to another folder.
    recorded, now = (
        {k: v for k, v in files.items() if k.startswith("teacher_cache/")}
        for files in (before, state(folder))
    )
    assert len(recorded) == 10
    assert now == recorded
