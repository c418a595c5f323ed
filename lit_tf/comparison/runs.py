"""Runs: finding finished ones, and checking that they are comparable."""

import dataclasses
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lit_tf import config, errors
from lit_tf.comparison import measures
from lit_tf.config import flatten
from lit_tf.experiment import curves
from lit_tf.utils import json_files

_REPORT, _CONFIG, _METRICS = "report.json", "config.json", "metrics.jsonl"
# The keys that the report of a compression has.
_KEYS = ("settings", "budget", "teacher", "student", "data", "versions")
_DEFAULTS = flatten.flatten(config.Compress())
_SESSION = {field.name for field in dataclasses.fields(config.Session)}
# Settings that may differ within a row: paths, the seed, and what changes only
# the rounding.
_FREE = _SESSION | {
    "seed",
    "teacher_weights",
    "discriminator_weights",
    "fast_layers",
    "recompute",
}
# Packages whose versions must be equal.
_COMPARED = ("lit_tf", "tensorflow", "keras")


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """A finished run of `lit-compress`.

    Args:
        folder: the run folder.
        report: the content of `report.json`.
    """

    folder: pathlib.Path
    report: Mapping[str, Any]

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings of the run, by the names of their flags."""
        return self.report["settings"]

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return self.settings["seed"]

    @property
    def measure(self) -> measures.Measure:
        """What the run is compared by."""
        return measures.of(self.report["student"])

    def architecture(self, which: str) -> tuple[int, ...]:
        """Returns what networks of one architecture share, however cut.

        Args:
            which: "teacher" or "student".
        """
        network = self.report[which]
        return tuple(network[name] for name in ("depth", "parameters", "flops"))

    @property
    def latency_ms(self) -> float:
        """The latency of the student that the run measured."""
        return self.report["student"]["latency_ms"]

    @property
    def conditions(self) -> tuple[Any, ...]:
        """What latencies share that were measured alike: machine, threads."""
        threads = self.report.get("latency_threads")
        return str(self.report.get("hardware")), threads

    @property
    def score(self) -> float | None:
        """The exported student's accuracy or cosine; on test if it was read."""
        student, name = self.report["student"], self.measure.name
        if f"test_{name}" in student:
            return student[f"test_{name}"]
        return student[student["exported"]].get(f"validation_{name}")

    @property
    def identity(self) -> dict[str, Any]:
        """The values that the runs of a row share: settings, teacher, data."""
        settings = {k: v for k, v in self.settings.items() if k not in _FREE}
        teacher = self.report["teacher"]
        if settings["keep"] or settings["compression"]:
            settings["student"] = None  # It was ignored.
        return settings | {
            "teacher": teacher["model"],
            "teacher_test_accuracy": teacher.get("test_accuracy"),
            "data": self.report["data"]["fingerprint"],
        }

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The rows of `metrics.jsonl`; none if there is no such file."""
        return curves.read(self.folder / _METRICS)


def find(paths: Iterable[str]) -> tuple[list[FinishedRun], list[str]]:
    """Finds the finished runs in folders.

    Args:
        paths: run folders, or folders that contain run folders.

    Returns:
        The finished runs, and the other run folders with the reason why each
        is left out.

    Raises:
        DataError: if a folder does not exist, or none contains a finished run.
    """
    folders = {}
    for path in map(pathlib.Path, paths):
        if not path.is_dir():
            raise errors.DataError(f"There is no folder {path}.")
        folders |= {folder.resolve(): folder for folder in _folders(path)}
    found, skipped = [], []
    for folder in folders.values():
        report = _read(folder)
        if isinstance(report, str):
            skipped.append(f"{folder}: {report}")
        else:
            found.append(FinishedRun(folder, report))
    if not found:
        raise errors.DataError(
            "There is no finished run of lit-compress in these folders. "
            + " ".join(f"Left out: {line}." for line in skipped)
        )
    return found, skipped


def check(runs: Sequence[FinishedRun], *, mixed: bool) -> list[str]:
    """Checks that runs are comparable.

    Args:
        runs: finished runs.
        mixed: whether runs of different data or versions are accepted.

    Returns:
        A warning for each difference that `mixed` accepts.

    Raises:
        DataError: if the data or versions of the runs differ and `mixed` is
            off, or two runs have the same settings and seed.
    """
    warnings = []
    for word, of in (("data", _data), ("versions", _versions)):
        by_value: dict[str, list[FinishedRun]] = {}
        for run in runs:
            by_value.setdefault(of(run), []).append(run)
        if len(by_value) > 1:
            warnings.append(
                f"These runs have different {word}: "
                + "; ".join(
                    f"{value} in {_names(group)}"
                    for value, group in by_value.items()
                )
                + "."
            )
    if warnings and not mixed:
        raise errors.DataError(
            f"{' '.join(warnings)} Pass --mixed to report them together."
        )
    seen: dict[str, FinishedRun] = {}
    for run in runs:
        key = json.dumps([run.identity, run.seed], sort_keys=True)
        if key in seen:
            raise errors.DataError(
                f"{seen[key].folder} and {run.folder} have the same settings "
                f"and the same seed, {run.seed}. Leave one of them out."
            )
        seen[key] = run
    return warnings


def _folders(path):
    marks = sorted({*path.rglob(_CONFIG), *path.rglob(_REPORT)})
    for folder in dict.fromkeys(mark.parent for mark in marks):
        # The teacher that a run has trained is in the run's folder.
        within = folder.parent / _CONFIG
        if not (folder.name == "teacher" and within.is_file()):
            yield folder


def _read(folder):
    """Returns the report in a folder, or the reason why there is none."""
    if not (folder / _REPORT).is_file():
        return "not finished"
    try:
        report = json_files.parse((folder / _REPORT).read_bytes())
        if "student" not in report:
            return "a run of lit-teach"
        missing = [key for key in _KEYS if key not in report]
        if missing:
            return f"its report, of another kind, has no {missing[0]}"
        # Settings that an earlier version lacked have no effect by default.
        report["settings"] = _DEFAULTS | flatten.current(report["settings"])
        found = FinishedRun(folder, report)
        found.identity, report["settings"]["method"], found.latency_ms
        found.architecture("teacher"), found.architecture("student")
        report["budget"]["examples"]
        if found.score is None:
            return f"without test and validation {found.measure.name}"
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
