"""Searches with simulated trials: by a function or by a small program."""

import json
import sys

import pytest

from lit_tf import config
from lit_tf.tuning import settings, trials
from lit_tf.utils import atomic_files

# Stands in for lit-compress. For each run folder `plays.json` gives the
# accuracies of the epochs, the seconds to wait after each, the last line to
# print and the exit code. The program records when it begins, saves (SIGTERM)
# and ends, with its arguments and its process id.
_PROGRAM = """
import json, os, pathlib, signal, sys, time

place = pathlib.Path(__file__).parent
flags = dict(a.partition("=")[::2] for a in sys.argv[1:])
folder = pathlib.Path(flags["--workdir"])
name = "/".join(folder.parts[-2:])
play = json.loads((place / "plays.json").read_text()).get(name, {})

def note(what):
    row = {"what": what, "name": name, "flags": flags, "pid": os.getpid()}
    with (place / "notes").open("a") as file:
        file.write(json.dumps(row) + "\\n")

def save(*_):
    time.sleep(0.3)
    note("saves")
    sys.exit(143)

signal.signal(signal.SIGTERM, save)
note("begins")
print("student is", flags.get("--student", "a default"), flush=True)
if "--dry_run" in flags:
    sys.exit()
if play.get("code") == 2:  # Refused before it begins.
    print(play["says"])
    sys.exit(2)
curve = play.get("epochs", [0.5])
pauses = play.get("seconds", [0] * len(curve))
folder.mkdir(parents=True, exist_ok=True)
with (folder / "metrics.jsonl").open("a") as file:
    for epoch, accuracy in enumerate(curve, start=1):
        row = {"phase": "lit", "epoch": epoch, "validation/accuracy": accuracy}
        file.write(json.dumps(row) + "\\n")
        file.flush()
        time.sleep(pauses[epoch - 1])
if "code" in play:
    print(play["says"])
    sys.exit(play["code"])
report = {"student": {"best": {"validation_accuracy": max(curve)}}}
(folder / "report.json").write_text(json.dumps(report))
note("ends")
"""


@pytest.fixture
def wanted(tmp_path):
    """A function: changes → settings of a search in `tmp_path/tune`."""

    def make(**changed):
        session = {"workdir": str(tmp_path / "tune")}
        session |= changed.pop("session", {})
        given = {
            "teacher_weights": "teacher.keras",
            "student": "resnet20",
            "small_student": "resnet8",
            "temperatures": (2.0, 6.0),
            "alphas": (0.1, 0.9),
            "betas": (0.25, 0.5),
            "session": config.Session(**session),
        }
        return settings.Tune(**given | changed)

    return make


@pytest.fixture
def played():
    """A function: scores by trial → a runner that records these scores.

    A trial whose score is a sentence fails with this sentence. A trial without
    a score gets 0.5. `score` is its name in a report. The runner's `ran` lists
    the trials that it ran.
    """

    def make(scores, score="validation_accuracy"):
        def run(plan):
            failures = {}
            for one in plan:
                if one.ended:
                    continue
                run.ran.append(one)
                value = scores.get(one.name, 0.5)
                if isinstance(value, str):
                    failures[one] = value
                else:
                    best = {score: value}
                    results = {"student": {"best": best}}
                    atomic_files.write_json(one.folder / "report.json", results)
            return failures

        run.ran = []
        return run

    return make


class Program:
    """A program that stands in for `lit-compress`, in its own folder."""

    def __init__(self, place):
        place.mkdir()
        self.script = place / "compress.py"
        self.script.write_text(_PROGRAM)
        self._place = place
        self.plays({})

    def plays(self, plays):
        """Sets what trials do, by the trial's name."""
        atomic_files.write_json(self._place / "plays.json", plays)

    def notes(self, what="begins"):
        """Returns the records of trials that began, saved or ended."""
        notes = self._place / "notes"
        text = notes.read_text() if notes.is_file() else ""
        rows = [json.loads(line) for line in text.split("\n")[:-1]]
        return [row for row in rows if what in ("", row["what"])]

    def names(self):
        """Returns the names of the trials that began, in order."""
        return [row["name"] for row in self.notes()]


@pytest.fixture
def program(tmp_path, monkeypatch):
    """The program that stands in for `lit-compress` in this test."""
    found = Program(tmp_path / "program")
    command = (sys.executable, str(found.script))
    monkeypatch.setattr(trials, "PROGRAM", command)
    return found
