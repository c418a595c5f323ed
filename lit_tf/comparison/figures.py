"""Figures of a report: accuracy against costs and settings, and penalties.

Each row has its own colour; the teacher's accuracy is a dashed line. Encoders
are shown by their cosine to the teacher.
"""

import pathlib
import textwrap
from collections.abc import Callable, Mapping, Sequence

from matplotlib import figure, ticker

from lit_tf.comparison.rows import Row, spread
from lit_tf.config import method_table
from lit_tf.utils import atomic_files

_COSTS = {
    "depth": ("depth", 1),
    "parameters": ("parameters, thousands", 1e3),
    "flops": ("FLOPs per example, millions", 1e6),
    "latency_ms": ("latency, ms", 1),
}
_BUDGETS = {
    "train_examples": ("training examples, thousands", 1e3),
    "train_flops": ("training FLOPs, 10¹²", 1e12),
    "train_seconds": ("training seconds", 1),
}
_TUNED = {"temperature": "τ", "alpha": "α", "beta": "β"}
_FED = {"teacher_fed": "-", "student_fed": ":"}
_MAX_PENALTY_PANELS = 4  # The sheet has no room for more.


def draw(rows: Sequence[Row], folder: pathlib.Path) -> dict[str, str]:
    """Draws the figures for which the rows have values.

    Args:
        rows: the rows of one dataset.
        folder: the folder to write the PNG files to.

    Returns:
        The caption of each PNG file, by the file's name.
    """
    results = {}
    for name, (about, make) in _FIGURES.items():
        sheet = make(rows)
        if sheet is not None:
            with atomic_files.whole(folder / name) as partial:
                sheet.savefig(partial, dpi=110, format="png")
            word = rows[0].measure.name.capitalize()
            results[name] = about.format(word)
    return results


def _costs(rows):
    # The table is enough for a single student.
    if len({row.student for row in rows}) > 1:
        return _against(rows, _COSTS)
    return None


def _budgets(rows):
    return _against(rows, _BUDGETS) if len(rows) > 1 else None


def _against(rows, costs: Mapping[str, tuple[str, float]]):
    """Draws accuracy against costs, one line for each name of a row."""
    lines: dict[str, list[Row]] = {}
    for row in rows:
        lines.setdefault(row.name, []).append(row)
    size = (4 * len(costs), 3.4 + 0.1 * len(lines))
    sheet = figure.Figure(figsize=size, layout="constrained")
    panels = sheet.subplots(1, len(costs), sharey=True, squeeze=False)[0]
    for axes, (cost, (label, unit)) in zip(panels, costs.items(), strict=True):
        for i, (name, line) in enumerate(lines.items()):
            line = sorted(line, key=lambda row: row.cost(cost))
            means, spreads = zip(*map(_scaled, line), strict=True)
            axes.errorbar(
                [row.cost(cost) / unit for row in line],
                means,
                spreads,
                label=name,
                color=f"C{i % 10}",
                marker="os^Dvp"[i // 10 % 6],
                capsize=3,
            )
        _teacher(axes, rows)
        # The axis begins at 0, so that lengths are proportional to costs.
        most = max(row.cost(cost) for row in rows) / unit
        axes.set(xlabel=label, xlim=(0, 1.06 * most))
    panels[0].set(ylabel=_label(rows))
    _legend(sheet, panels[0])
    return sheet


def _sensitivity(rows):
    found = {
        tuned: lines for tuned in _TUNED if (lines := list(_lines(rows, tuned)))
    }
    if not found:
        return None
    sheet = figure.Figure(figsize=(4 * len(found), 3.4), layout="constrained")
    panels = sheet.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for axes, (tuned, lines) in zip(panels, found.items(), strict=True):
        for line in lines:
            means, spreads = zip(*map(_scaled, line), strict=True)
            axes.errorbar(
                [row.runs[0].settings[tuned] for row in line],
                means,
                spreads,
                label=(
                    f"{method_table.label(line[0].method)}, {line[0].student}"
                ),
                marker="o",
                capsize=3,
            )
        axes.set(xlabel=_TUNED[tuned])
        axes.legend(fontsize="small")
    panels[0].set(ylabel=_label(rows))
    return sheet


def _lines(rows, tuned):
    """Yields groups of rows that differ in one setting only, sorted by it."""
    alike: dict[str, list[Row]] = {}
    for row in rows:
        others = {
            key: value
            for key, value in row.runs[0].identity.items()
            if key != tuned
        }
        alike.setdefault(repr(sorted(others.items())), []).append(row)
    for line in alike.values():
        if len(line) > 1:
            yield sorted(line, key=lambda row: row.runs[0].settings[tuned])


def _penalties(rows):
    """Draws each section's penalty over the epochs, for both inputs."""
    found = {}
    for row in rows:
        if row.runs[0].settings["section_input"] == "teacher":
            series = _distances(row)
            if series:
                found[f"{row.student}, {row.name}"] = series
    if not found:
        return None
    found = dict(list(found.items())[:_MAX_PENALTY_PANELS])
    sheet = figure.Figure(figsize=(4.5 * len(found), 4), layout="constrained")
    panels = sheet.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for axes, (name, series) in zip(panels, found.items(), strict=True):
        for (k, fed), values in sorted(series.items()):
            axes.plot(
                range(1, len(values) + 1),
                values,
                _FED[fed],
                color=f"C{k - 1}",
                label=f"section {k}, {fed.replace('_', '-')}",
            )
        axes.set(xlabel="epoch of phase lit", yscale="log")
        axes.set_title(textwrap.fill(name, 40), fontsize="medium")
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    panels[0].set(ylabel="penalty")
    _legend(sheet, panels[0])
    return sheet


def _distances(row):
    """Returns the penalty at each epoch's end, the mean over the seeds.

    Returns:
        A list over epochs, by section (from 1) and input ("teacher_fed" or
        "student_fed").
    """
    ends = []
    for run in row.runs:
        # The last row of an epoch was written at its end.
        ends.append({r["epoch"]: r for r in run.metrics if r["phase"] == "lit"})
    series: dict[tuple[int, str], list[float]] = {}
    for epoch in sorted(set.intersection(*map(set, ends))):
        for tag in ends[0][epoch]:
            section, _, penalty = tag.partition("/penalty_")
            if section.startswith("section_") and penalty in _FED:
                k = int(section.removeprefix("section_"))
                values = [end[epoch][tag] for end in ends]
                mean = sum(values) / len(values)
                series.setdefault((k, penalty), []).append(mean)
    return series


def _legend(sheet, axes):
    """Draws the legend of one panel, which fits all of them, below them."""
    handles, labels = axes.get_legend_handles_labels()
    sheet.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=min(3, len(labels)),
        fontsize="small",
    )


def _scaled(row):
    scale = row.measure.scale
    mean, deviation = spread(row.of(lambda run: run.score))
    return scale * mean, scale * deviation


def _teacher(axes, rows):
    measure = rows[0].measure
    key = f"{_split(rows)}_{measure.name}"
    teachers = (row.runs[0].report["teacher"] for row in rows)
    known = dict.fromkeys((one["model"], one.get(key)) for one in teachers)
    for i, (name, value) in enumerate(known):
        if value is not None:
            style = {"ls": ("--", "-.", ":")[i % 3], "color": "grey"}
            axes.axhline(
                measure.scale * value, label=f"teacher {name}", **style
            )


def _label(rows):
    measure = rows[0].measure
    return measure.headed(f"{_split(rows)} {measure.name}", measure.unit)


def _split(rows):
    read = all(row.runs[0].settings["read_test"] for row in rows)
    return "test" if read else "validation"


_Make = Callable[[Sequence[Row]], figure.Figure | None]
_FIGURES: dict[str, tuple[str, _Make]] = {
    "costs.png": ("{} against the costs of the student", _costs),
    "budgets.png": ("{} against the costs of training", _budgets),
    "sensitivity.png": ("{} against τ, α and β", _sensitivity),
    "penalties.png": (
        "Distance of each section's output from the teacher's, when the "
        "section is fed the teacher's representation (solid) and the "
        f"student's own (dotted); at most {_MAX_PENALTY_PANELS} rows are shown",
        _penalties,
    ),
}
