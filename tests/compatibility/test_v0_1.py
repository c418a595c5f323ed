"""What version 0.1 left on disk still loads, resumes and is reported.

The files of `v0_1/` were recorded before modules moved and flags were made of
dataclasses (v0_1/README.md). Nothing here knows where a module of ours lies:
only the public names, the commands and the files.
"""

import json
import pathlib
import shlex
import shutil
import subprocess
import sys

import keras
import numpy as np
import platforms
import pytest

import lit_tf

RECORDED = pathlib.Path(__file__).parent / "v0_1"
LINES = json.loads((RECORDED / "lines.json").read_text())
PLATFORM = json.loads((RECORDED / "platform.json").read_text())
# By unfinished run: what else its command reads.
UNFINISHED = {
    "teach": (),
    "lit": (),
    "fine_tune": ("finished/lit_seed0",),
    "generator": ("models", "data"),
    "texts": ("models", "data"),
}
# Equal bits are promised on the platform of the recording.
EXACT = platforms.here() == PLATFORM
# Elsewhere sums are taken in another order, and weights may be this far away.
# Without oneDNN those trained by SGD differ by 6e-6, and by Adam, which makes a
# step of 1e-3 of whatever gradient, by 7e-4.
ELSEWHERE = {"rtol": 1e-3, "atol": 2e-3}

# Loads TensorFlow once, then gives every command a process of its own. Reads
# lines of [folder, command, argument, …]; answers [exit code, output, errors].
_SERVER = """
import gc, importlib.metadata, json, os, sys, tempfile
import matplotlib.pyplot, scipy.stats, sklearn.datasets
import lit_tf

lit_tf.LIT, lit_tf.Distill, lit_tf.Teach, lit_tf.shrink
scripts = importlib.metadata.distribution("lit_tf").entry_points
gc.freeze()  # What is loaded is not looked through again, and stays shared.
for line in sys.stdin:
    folder, name, *arguments = json.loads(line)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os.chdir(folder)
            sys.argv = [name, *arguments]
            sys.exit(scripts[name].load()())
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        told = [file.seek(0) or file.read().decode() for file in (out, err)]
    print(json.dumps([code, *told]), flush=True)
"""


@pytest.fixture(scope="module")
def command():
    """A function: folder, command line → what it printed, when it went well."""
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def run(folder, line):
        server.stdin.write(json.dumps([str(folder), *shlex.split(line)]) + "\n")
        server.stdin.flush()
        code, out, err = json.loads(server.stdout.readline())
        assert code == 0, f"{line}\n{out}\n{err}"
        return out

    yield run
    server.stdin.close()
    server.wait()


@pytest.fixture
def place(tmp_path):
    """A function: copies of recorded files and folders, in a folder."""

    def make(*names):
        for name in names:
            source, target = RECORDED / name, tmp_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, target)
        return tmp_path

    return make


def state(folder):
    """Returns which files there are, and when each was written."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    }


def check_weights(found, recorded):
    """Asserts equal bits on the recorded platform, elsewhere nearly so."""
    for one, other in zip(found, recorded, strict=True):
        if EXACT:
            np.testing.assert_array_equal(one, other)
        else:
            np.testing.assert_allclose(one, other, **ELSEWHERE)


def arrays(path):
    with np.load(path) as archive:
        return [archive[name] for name in archive.files]


def rows(path):
    """Returns where each row of a log stands, and its figures by name."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    places = [(row["phase"], row["epoch"], row["step"]) for row in lines]
    figures = [
        {
            name: value
            for name, value in row.items()
            if name not in ("phase", "examples_per_second")
        }
        for row in lines
    ]
    return places, figures


def asked(name, kind):
    """Returns the recorded inputs or outputs of a model."""
    with np.load(RECORDED / "models" / "answers.npz") as archive:
        keys = [k for k in archive.files if k.startswith(f"{name}/{kind}/")]
        return [archive[key] for key in sorted(keys)]


def check_answers(model, name):
    """Asserts that a model answers as the recorded one of that name did."""
    inputs, outputs = asked(name, "input"), asked(name, "output")
    told = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    assert outputs
    for one, other in zip(keras.tree.flatten(told), outputs, strict=True):
        assert one.dtype == "float32"
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "path", sorted((RECORDED / "models").glob("*.keras")), ids=lambda p: p.stem
)
def test_a_model_loads_and_answers_as_it_did(path):
    check_answers(lit_tf.load(path), path.stem)


def test_an_own_model_is_cut_and_shrunk_as_it_was():
    own = lit_tf.load(RECORDED / "models" / "own.keras")
    cuts = lit_tf.plan(own).cuts
    assert cuts == ("conv", "relu_2")
    sections = lit_tf.split(own, cuts)
    student = lit_tf.shrink(sections, keep=(2,), init="teacher_blocks")
    check_answers(sections, "own")
    check_answers(student, "own_student")


@pytest.mark.parametrize("name", UNFINISHED)
def test_a_run_resumes_and_ends_as_if_it_was_never_stopped(
    name, command, place
):
    run = f"unfinished/{name}"
    folder = place(run, *UNFINISHED[name])
    texts = folder / "data" / "texts"
    encoded = state(texts)
    command(folder, LINES[run])
    # What was encoded of texts is read, not made again.
    assert state(texts) == encoded
    role = "teacher" if name == "teach" else "student"
    model = lit_tf.load(folder / run / f"{role}.keras")
    end = RECORDED / "undisturbed" / name
    check_weights(model.get_weights(), arrays(end.with_suffix(".npz")))
    places, figures = rows(folder / run / "metrics.jsonl")
    wanted_places, wanted_figures = rows(end.with_suffix(".jsonl"))
    assert places == wanted_places
    assert [row.keys() for row in figures] == [
        row.keys() for row in wanted_figures
    ]
    if EXACT:
        assert figures == wanted_figures


def test_a_finished_run_says_so_and_changes_nothing(command, place):
    run = "finished/lit_seed0"
    folder = place(run)
    before = state(folder)
    said = command(folder, LINES[run])
    assert "finished" in said
    assert (folder / run / "report.md").read_text() in said
    assert state(folder) == before


def test_a_saved_model_is_evaluated(command, place):
    run = "finished/lit_seed0"
    folder = place(run)
    line = f"--model={run}/saved_model --dataset=digits --json=told.json"
    command(folder, f"lit-evaluate {line}")
    told = json.loads((folder / "told.json").read_text())
    report = json.loads((folder / run / "report.json").read_text())
    assert told["test_accuracy"] == pytest.approx(
        report["student"]["test_accuracy"], abs=0.5 / 360
    )


def numbers(value, place=""):
    """Returns all numbers of JSON by where they stand; words are left out."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        inner = (numbers(v, f"{place}/{k}") for k, v in value.items())
        return {k: v for one in inner for k, v in one.items()}
    return {} if isinstance(value, str) else {place: value}


def test_finished_runs_are_reported_side_by_side(command, place):
    folder = place("finished")
    command(folder, "lit-report finished --output=report")
    told = json.loads((folder / "report" / "rows.json").read_text())
    recorded = json.loads((RECORDED / "finished" / "rows.json").read_text())
    (data,) = told["data"]
    assert [row["seeds"] for row in data["rows"]] == [[0, 1], [0, 1]]
    assert numbers(told) == pytest.approx(numbers(recorded), rel=1e-6)


@pytest.fixture(scope="module")
def search(command, tmp_path_factory):
    """A folder in which a search went on, and when its files were written."""
    folder = tmp_path_factory.mktemp("search")
    for name in ("tune", "teacher_cache", "models", "data"):
        shutil.copytree(RECORDED / name, folder / name)
    before = state(folder)
    command(folder, LINES["tune"])
    return folder, before


def test_a_search_goes_on_and_runs_nothing_twice(search):
    folder, before = search
    decided = json.loads((RECORDED / "tune" / "tune.json").read_text())
    assert [stage["name"] for stage in decided["stages"]] == [
        "temperature",
        "alpha",
    ]
    now = state(folder)
    trials = [name for name in before if name.startswith("tune/temperature=")]
    assert sum(name.endswith("/report.json") for name in trials) == 2
    for name in trials:
        assert now[name] == before[name]
    # The trial that was begun has ended, and there is no other.
    began = {name for name in now if name.endswith("config.json")}
    assert began == {name for name in before if name.endswith("config.json")}
    assert "tune/beta=0.25/seed=0/report.json" in now.keys() - before.keys()
    tuned = json.loads((folder / "tune" / "tune.json").read_text())["stages"]
    assert tuned[:2] == decided["stages"]
    assert [one["value"] for one in tuned[2]["values"]] == [0.75, 0.25]
    lines = (folder / "tune" / "tuned.flags").read_text().splitlines()
    assert [line for line in lines if line.startswith("--")] == [
        f"--{stage['name']}={stage['chosen']}" for stage in tuned
    ]


@pytest.mark.skipif(
    keras.__version__ != PLATFORM["keras"],
    reason="the key of a cache holds how Keras describes layers",
)
def test_a_teachers_answers_on_disk_are_not_asked_for_again(search):
    folder, before = search
    # The third trial, which had been interrupted, read the cache and ended.
    assert (folder / "tune/beta=0.25/seed=0/report.json").is_file()
    # A cache that is not found is written again, in another folder.
    kept, now = (
        {k: v for k, v in files.items() if k.startswith("teacher_cache/")}
        for files in (before, state(folder))
    )
    assert len(kept) == 10
    assert now == kept
