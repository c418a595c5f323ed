"""Which runs there are to compare, and whether they may be."""

import dataclasses
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lit_tf import config, errors
from lit_tf.experiment import curves

_REPORT, _CONFIG, _METRICS = "report.json", "config.json", "metrics.jsonl"
# What a report of a compression has.
_KEYS = ("settings", "budget", "teacher", "student", "data", "versions")
_SESSION = {field.name for field in dataclasses.fields(config.Session)}
# Whose runs are the same row: all but where things lie, and the seed.
_FREE = _SESSION | {"seed", "teacher_weights", "discriminator_weights"}
_COMPARED = ("lit_tf", "tensorflow", "keras")  # Versions.


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished compression.

    Args:
        folder: its run folder.
        report: as `report.json` has it.
    """

    folder: pathlib.Path
    report: Mapping[str, Any]

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.report["settings"]

    @property
    def seed(self) -> int:
        return self.settings["seed"]

    @property
    def accuracy(self) -> float | None:
        """That of what was exported: on test, if it was read."""
        student = self.report["student"]
        if "test_accuracy" in student:
            return student["test_accuracy"]
        return student[student["exported"]]["validation_accuracy"]

    @property
    def identity(self) -> dict[str, Any]:
        """What runs of one row have in common: settings, teacher, data."""
        settings = {k: v for k, v in self.settings.items() if k not in _FREE}
        teacher = self.report["teacher"]
        return settings | {
            "teacher": teacher["model"],
            "teacher_test_accuracy": teacher.get("test_accuracy"),
            "data": self.report["data"]["fingerprint"],
        }

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The rows of its `metrics.jsonl`, as many as are there."""
        return curves.read(self.folder / _METRICS)


def find(paths: Iterable[str]) -> tuple[list[Run], list[str]]:
    """Returns the finished runs in folders, and what was left out and why.

    Args:
        paths: run folders, or folders of them.

    Raises:
        DataError: there is no such folder, or no finished run in any.
    """
    folders = {}
    for path in map(pathlib.Path, paths):
        if not path.is_dir():
            raise errors.DataError(f"There is no folder {path}.")
        folders |= {folder.resolve(): folder for folder in _folders(path)}
    found, skipped = [], []
    for folder in folders.values():
        said = _read(folder)
        if isinstance(said, str):
            skipped.append(f"{folder}: {said}")
        else:
            found.append(Run(folder, said))
    if not found:
        raise errors.DataError(
            "There is no finished run of lit-compress to report. "
            + " ".join(f"Left out: {line}." for line in skipped)
        )
    return found, skipped


def check(runs: Sequence[Run], *, mixed: bool) -> list[str]:
    """Checks that runs may stand in one report.

    Args:
        runs: finished ones.
        mixed: whether what differs is to be said instead of refused.

    Returns:
        What is to be said.

    Raises:
        DataError: they are of different data or versions, named, unless
            `mixed`; or two are of one row and one seed.
    """
    results = []
    for word, of in (("data", _data), ("versions", _versions)):
        by_value: dict[str, list[Run]] = {}
        for run in runs:
            by_value.setdefault(of(run), []).append(run)
        if len(by_value) > 1:
            results.append(
                f"These runs are of different {word}: "
                + "; ".join(
                    f"{value} in {_names(group)}"
                    for value, group in by_value.items()
                )
                + "."
            )
    if results and not mixed:
        raise errors.DataError(
            f"{' '.join(results)} --mixed reports them all the same."
        )
    seen: dict[str, Run] = {}
    for run in runs:
        key = json.dumps([run.identity, run.seed], sort_keys=True)
        if key in seen:
            raise errors.DataError(
                f"{seen[key].folder} and {run.folder} are runs of the same "
                f"settings and seed, {run.seed}. Leave one out."
            )
        seen[key] = run
    return results


def _folders(path):
    marks = sorted({*path.rglob(_CONFIG), *path.rglob(_REPORT)})
    for folder in dict.fromkeys(mark.parent for mark in marks):
        # A teacher that was trained for a run lies in its folder.
        within = folder.parent / _CONFIG
        if not (folder.name == "teacher" and within.is_file()):
            yield folder


def _read(folder):
    """Returns a folder's report, or why there is none."""
    if not (folder / _REPORT).is_file():
        return "not finished"
    try:
        report = json.loads((folder / _REPORT).read_text(encoding="utf-8"))
        if "student" not in report:
            return "a teacher's"
        missing = [key for key in _KEYS if key not in report]
        if missing:
            return f"of an earlier version: its report has no {missing[0]}"
        found = Run(folder, report)
        found.identity, report["settings"]["method"]
        report["budget"]["examples"]
        if found.accuracy is None:
            return "of neither test nor validation accuracy"
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return "damaged"
    return report


def _data(run):
    facts, settings = run.report["data"], run.settings
    return (
        f"{facts['name']} ({facts['fingerprint']}, {facts['test']:,} test "
        f"examples, --validation_fraction={settings['validation_fraction']}, "
        f"--split_seed={settings['split_seed']})"
    )


def _versions(run):
    found = run.report["versions"]
    return ", ".join(f"{name} {found.get(name, '?')}" for name in _COMPARED)


def _names(runs):
    names = [str(run.folder) for run in runs]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
