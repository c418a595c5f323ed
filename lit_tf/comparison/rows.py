"""Runs that differ in the seed alone make a row: its name and its figures."""

import dataclasses
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lit_tf import config
from lit_tf.comparison.runs import Run
from lit_tf.config import flatten, methods

_DEFAULTS = flatten.flatten(config.Compress())
# What a method is named with where it is not as by default.
_NAMING = (
    "init",
    "section_input",
    "connector",
    "copy_ends",
    "no_fine_tune",
    "falling_beta",
    "penalty",
    "temperature",
    "alpha",
    "beta",
    "generations",
    "sparsity",
    "pruned_channels",
)
_OF_TEACHER = "teacher_test_accuracy"
_COSTS = ("depth", "parameters", "flops", "latency_ms")


@dataclasses.dataclass(frozen=True)
class Row:
    """Runs of one way of training, by their seeds.

    Args:
        name: such as "lit init=teacher_blocks".
        runs: ascending by seed.
    """

    name: str
    runs: Sequence[Run]

    @property
    def student(self) -> str:
        return self.runs[0].report["student"]["model"]

    @property
    def dataset(self) -> str:
        return self.runs[0].report["data"]["fingerprint"]

    @property
    def method(self) -> str:
        return self.runs[0].settings["method"]

    @property
    def examples(self) -> int:
        return self.runs[0].report["budget"]["examples"]

    def of(self, value: Callable[[Run], float | None]) -> list[float]:
        """Returns a figure of the runs that have it."""
        found = [value(run) for run in self.runs]
        return [figure for figure in found if figure is not None]

    def cost(self, name: str) -> float:
        """Returns a mean cost of the student, or of training it.

        Args:
            name: "depth", "parameters", "flops", "latency_ms", or what
                training took: "train_examples", "train_flops",
                "train_seconds".
        """
        if name in _COSTS:
            return statistics.mean(self.of(lambda r: r.report["student"][name]))
        unit = name.removeprefix("train_")
        return statistics.mean(self.of(lambda r: r.report["budget"][unit]))


def figure(which: str, name: str) -> Callable[[Run], float | None]:
    """Returns what reads an accuracy of the "last" or the "best" student.

    Args:
        which: "last" or "best".
        name: "test_accuracy" or "validation_accuracy".
    """
    return lambda run: (run.report["student"][which] or {}).get(name)


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Returns mean and standard deviation, 0 of a single value."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return statistics.mean(values), deviation


def of(runs: Sequence[Run]) -> list[Row]:
    """Returns runs as rows: LIT first, and what is plain before what is not."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        key = json.dumps(run.identity, sort_keys=True)
        groups.setdefault(key, []).append(run)
    names = _names([group[0].identity for group in groups.values()])
    made = [
        Row(name, sorted(group, key=lambda run: run.seed))
        for name, group in zip(names, groups.values(), strict=True)
    ]
    order = {name: i for i, name in enumerate(methods.names())}

    def place(row):
        words = _named(row.runs[0].identity, _NAMING).count(" ")
        return row.student, order.get(row.method, len(order)), words, row.name

    return sorted(made, key=place)


def _names(identities: Sequence[Mapping[str, Any]]) -> list[str]:
    names = [_named(identity, _NAMING) for identity in identities]
    for name in set(names):
        alike = [i for i, other in enumerate(names) if other == name]
        untold = {"student", "data"}
        teachers = {
            (identities[i]["teacher"], identities[i][_OF_TEACHER])
            for i in alike
        }
        if len(dict(teachers)) == len(teachers):  # Their names will do.
            untold.add(_OF_TEACHER)
        differing = sorted(
            key
            for key in identities[alike[0]].keys() - untold
            if len({json.dumps(identities[i].get(key)) for i in alike}) > 1
        )
        for i in alike if len(alike) > 1 else ():
            extra = [f"{key}={_word(identities[i][key])}" for key in differing]
            names[i] = " ".join([name, *extra])
    return names


def _named(identity, keys):
    words = [
        f"{key}={_word(identity[key])}"
        for key in keys
        if identity.get(key, _DEFAULTS[key]) != _DEFAULTS[key]
    ]
    return " ".join([methods.label(identity["method"]), *words])


def _word(value):
    if isinstance(value, list | tuple):
        return "+".join(map(str, value)) or "none"
    return str(value)
