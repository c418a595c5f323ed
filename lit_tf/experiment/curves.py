"""Curves of a run, drawn from its `metrics.jsonl`."""

import contextlib
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from lit_tf.utils import atomic_files, json_files

_LONGEST = 100_000  # Bytes of a line; longer ones are damaged.
_LARGEST = 2**63
_PENALTY = re.compile(r"(section_\d+|stem)/penalty_.+")


def read(path: pathlib.Path) -> list[dict[str, Any]]:
    """Returns the rows of a `metrics.jsonl`; damaged lines are skipped.

    A run that is killed may leave a part of a line.
    """
    if not path.is_file():
        return []
    rows = []
    with path.open("rb") as file:
        while line := file.readline(_LONGEST):
            with contextlib.suppress(ValueError):
                row = json_files.parse(line)
                if _is_row(row):
                    rows.append(row)
    return rows


def _is_row(row):
    """Returns whether a value has the form of `MetricLogs.write`."""
    if not isinstance(row, dict) or not isinstance(row.get("phase"), str):
        return False
    numbers = (row.get("epoch"), *(v for k, v in row.items() if k != "phase"))
    return all(
        isinstance(number, float)
        or (isinstance(number, int) and abs(number) < _LARGEST)
        for number in numbers
    )


def draw(
    metrics: pathlib.Path,
    path: pathlib.Path,
    labels: Mapping[str, str],
    *,
    teacher: float | None,
) -> None:
    """Draws metrics and penalties over the epochs of all phases.

    Args:
        metrics: the run's `metrics.jsonl`.
        path: the PNG file to write.
        labels: labels of the metrics in the left panel, by tag.
        teacher: the teacher's validation accuracy, drawn as a dashed line;
            None for no line.
    """
    from matplotlib import figure

    # An epoch may have several rows; the last one was written at its end.
    rows = {(r["phase"], r["epoch"]): r for r in read(metrics)}
    epochs = range(1, len(rows) + 1)
    rows = list(rows.values())
    tags = sorted({t for row in rows for t in row if _PENALTY.fullmatch(t)})
    panels = 2 if tags else 1
    sheet = figure.Figure(figsize=(5 * panels, 3.6), layout="constrained")
    metric, *penalty = sheet.subplots(1, panels, squeeze=False)[0]
    for tag, label in labels.items():
        metric.plot(epochs, _series(rows, tag), label=label)
    if teacher is not None:
        metric.axhline(teacher, ls="--", color="grey", label="teacher")
    metric.set(xlabel="epoch", ylabel=next(iter(labels)))
    for axes in penalty:
        _penalties(axes, epochs, rows, tags)
    for axes in (metric, *penalty):
        _mark_phases(axes, rows)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize="small")
    with atomic_files.whole(path) as partial:
        sheet.savefig(partial, dpi=110, format="png")


def _penalties(axes, epochs, rows, tags):
    for tag in tags:
        section, _, rest = tag.partition("/")
        number = section.removeprefix("section_")
        color = f"C{int(number) - 1}" if number != "stem" else "black"
        fed = rest.removeprefix("penalty_").replace("_", "-")
        style = ":" if fed == "student-fed" else "-"
        label = f"{section.replace('_', ' ')}, {fed}"
        axes.plot(epochs, _series(rows, tag), style, color=color, label=label)
    axes.set(xlabel="epoch", ylabel="penalty", yscale="log")


def _series(rows, tag):
    return [row.get(tag, float("nan")) for row in rows]


def _mark_phases(axes, rows):
    for i, (before, row) in enumerate(zip(rows, rows[1:], strict=False), 1):
        if before["phase"] != row["phase"]:
            axes.axvline(i + 0.5, color="lightgrey", lw=1)
            axes.set_title(f"{before['phase']} | {row['phase']}", fontsize=9)
