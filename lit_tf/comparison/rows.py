"""Rows of a report: runs that differ only in the seed, and their figures."""

import collections
import dataclasses
import itertools
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lit_tf import config
from lit_tf.comparison import measures
from lit_tf.comparison.runs import FinishedRun
from lit_tf.config import flatten, method_table

_DEFAULTS = flatten.flatten(config.Compress())
# Settings that are part of a row's name unless they have their defaults.
_NAMING = (
    "init",
    "section_input",
    "connector",
    "copy_ends",
    "fine_tune",
    "falling_beta",
    "penalty",
    "temperature",
    "alpha",
    "beta",
    "generations",
    "sparsity",
    "pruned_channels",
)


@dataclasses.dataclass(frozen=True)
class Row:
    """The runs of one method with one set of settings.

    Args:
        name: the name of the row, such as "lit init=teacher_blocks".
        runs: the runs, ascending by seed.
        latency_ms: latency of the student in ms. Rows of one architecture
            have the same: the median of those that their runs measured, or of
            those that were measured in turn.
        in_turn: whether it was measured in turn.
    """

    name: str
    runs: Sequence[FinishedRun]
    latency_ms: float
    in_turn: bool = False

    @property
    def score(self) -> float:
        """The mean accuracy, or cosine, of the exported students."""
        return statistics.mean(self.of(lambda run: run.score))

    @property
    def architecture(self) -> tuple[int, ...]:
        """What students of one architecture share, however they are cut."""
        return self.runs[0].architecture("student")

    @property
    def kind(self) -> tuple[Any, ...]:
        """What rows share that are compared: the student, and its start."""
        return self.architecture, self.runs[0].settings["init"]

    @property
    def student(self) -> str:
        """The name of the student's architecture."""
        return self.runs[0].report["student"]["model"]

    @property
    def method(self) -> str:
        """The value of `--method`."""
        return self.runs[0].settings["method"]

    @property
    def measure(self) -> measures.Measure:
        """What the runs are compared by."""
        return self.runs[0].measure

    @property
    def examples(self) -> int:
        """The number of examples that each run was trained on."""
        return self.runs[0].report["budget"]["examples"]

    def of(self, value: Callable[[FinishedRun], float | None]) -> list[float]:
        """Returns a figure of each run that has it.

        Args:
            value: a function that returns the figure of a run, or None.
        """
        found = [value(run) for run in self.runs]
        return [figure for figure in found if figure is not None]

    def cost(self, name: str) -> float:
        """Returns a cost of the student or of its training, a mean over seeds.

        Args:
            name: "depth", "parameters", "flops" or "latency_ms" of the
                student; "train_examples", "train_flops" or "train_seconds".
        """
        if name == "latency_ms":
            return self.latency_ms
        unit = name.removeprefix("train_")
        part = "student" if unit == name else "budget"
        return statistics.mean(self.of(lambda run: run.report[part][unit]))


def figure(which: str, split: str) -> Callable[[FinishedRun], float | None]:
    """Returns a function that reads a score from the report of a run.

    Args:
        which: "last" or "best", the student of the last or the best epoch.
        split: "test" or "validation".
    """
    return lambda run: (run.report["student"][which] or {}).get(
        f"{split}_{run.measure.name}"
    )


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Returns the mean and the standard deviation (n − 1; 0 for one value)."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return statistics.mean(values), deviation


def tables(runs: Sequence[FinishedRun]) -> list[list[Row]]:
    """Groups runs into rows, and rows into tables.

    Args:
        runs: finished runs.

    Returns:
        The rows of each table: those of the same data with a teacher or a
        student in common, which all read the test split, or did not. They are
        sorted by architecture, method (in the order of the table of methods),
        number of settings in the name, number of seeds (most first), and name.
        Settings that all rows of a table share are in no name (see `shared`).
    """
    groups: dict[str, list[FinishedRun]] = {}
    for run in runs:
        key = json.dumps(run.identity, sort_keys=True)
        groups.setdefault(key, []).append(run)
    return [_sorted_rows(alike) for alike in _related(list(groups.values()))]


def _related(groups):
    """Returns groups of runs that belong in one table, for each table.

    A student that is the teacher of another connects the two.
    """
    found: list[tuple[set[tuple[Any, ...]], list[int]]] = []
    for i, group in enumerate(groups):
        data, members = group[0].identity["data"], [i]
        scored_on = group[0].settings["read_test"]
        networks = {
            (data, scored_on, *group[0].architecture(which))
            for which in ("teacher", "student")
        }
        for table in [one for one in found if one[0] & networks]:
            found.remove(table)
            networks |= table[0]
            members += table[1]
        found.append((networks, members))
    return [
        [groups[i] for i in members]
        for members in sorted(sorted(members) for _, members in found)
    ]


def _sorted_rows(groups):
    names = _names([group[0].identity for group in groups])
    order = {name: i for i, name in enumerate(method_table.names())}

    def place(row):
        words = _named(row.runs[0].identity, _NAMING).count(" ")
        method = order.get(row.method, len(order))
        return row.architecture, method, words, -len(row.runs), row.name

    made = (
        Row(name, sorted(group, key=lambda run: run.seed), latency_ms=latency)
        for name, group, latency in zip(
            names, groups, _latencies(groups), strict=True
        )
    )
    return sorted(made, key=place)


def _latencies(groups):
    """Yields the median latency of all runs with a group's student.

    Those of another machine, or number of threads, do not count.
    """
    alike = collections.defaultdict(list)
    for run in itertools.chain(*groups):
        alike[run.architecture("student"), run.conditions].append(
            run.latency_ms
        )
    for group in groups:
        key = group[0].architecture("student"), group[0].conditions
        yield statistics.median(alike[key])


def shared(rows: Sequence[Row]) -> list[str]:
    """Returns the settings that all rows share and that are not the defaults.

    Args:
        rows: the rows of one table.
    """
    identities = [row.runs[0].identity for row in rows]
    common = set(_NAMING) - set(_differing(identities))
    named = [key for key in _NAMING if key in common]
    return _words(identities[0], named)


def _differing(identities):
    """Returns the settings in names whose values differ."""
    return [
        key
        for key in _NAMING
        if len({repr(one.get(key, _DEFAULTS[key])) for one in identities}) > 1
    ]


def _names(identities: Sequence[Mapping[str, Any]]) -> list[str]:
    naming = _differing(identities)
    names = [_named(identity, naming) for identity in identities]
    # Rows of two teachers differ in many settings, which would all be named.
    names = _told_apart(names, identities, ["teacher"], all_values=True)
    others = identities[0].keys() - {"student", "data", "teacher"}
    return _told_apart(names, identities, sorted(others))


def _told_apart(names, identities, keys, *, all_values=False):
    """Returns names, with the settings in which rows of one name differ.

    Args:
        names: the names so far.
        identities: the identity of each row.
        keys: the settings to name.
        all_values: whether a value is named that most rows of a name have.
    """
    apart = list(names)
    for name in set(names):
        alike = [i for i, other in enumerate(names) if other == name]
        for key in keys:
            words = {i: _word(identities[i].get(key)) for i in alike}
            unnamed = _usual(list(words.values()), all_values)
            for i, word in words.items():
                if word != unnamed:
                    apart[i] += f" {key}={word}"
    return apart


def _usual(words, all_values):
    """Returns the value that all words have, or most of them; else None."""
    ((word, count),) = collections.Counter(words).most_common(1)
    least = len(words) - 1 if all_values else len(words) / 2
    return word if count > least else None


def _named(identity, keys):
    label = method_table.label(identity["method"])
    return " ".join([label, *_words(identity, keys)])


def _words(identity, keys):
    """Returns the settings that do not have their defaults, in words."""
    return [
        f"{key}={_word(identity[key])}"
        for key in keys
        if identity.get(key, _DEFAULTS[key]) != _DEFAULTS[key]
    ]


def _word(value):
    if isinstance(value, list | tuple):
        return "+".join(map(str, value)) or "none"
    return str(value)
