"""Figures of a report: accuracy against costs and settings, and penalties.

At most eight series have a color and a label of their own: of more rows, those
with the highest accuracies. The teacher's accuracy is a dashed line. Encoders
are shown by their cosine to the teacher.
"""

import pathlib
import textwrap
from collections.abc import Callable, Mapping, Sequence

from matplotlib import figure, ticker

from lit_tf.comparison import direct_labels
from lit_tf.comparison.rows import Row, spread
from lit_tf.config import method_table
from lit_tf.utils import atomic_files

COSTS = {
    "depth": ("depth", 1),
    "parameters": ("parameters, thousands", 1e3),
    "flops": ("FLOPs per example, millions", 1e6),
    "latency_ms": ("latency, ms", 1),
}
BUDGETS = {
    "train_examples": ("training examples, thousands", 1e3),
    "train_flops": ("training FLOPs, 10¹²", 1e12),
    "train_seconds": ("training seconds", 1),
}
_TUNED = {"temperature": "τ", "alpha": "α", "beta": "β"}
_FED = {"teacher_fed": "-", "student_fed": ":"}
# Distinct for color-blind readers (Okabe and Ito), with brown for yellow.
_COLORS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#8C510A",
)
_OTHERS = "#A0A0A0"
_MAX_PENALTY_PANELS = 4  # The sheet has no room for more.


def draw(rows: Sequence[Row], folder: pathlib.Path) -> dict[str, str]:
    """Draws the figures for which the rows have values.

    Args:
        rows: the rows of one table.
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
        return _against(rows, COSTS)
    return None


def _budgets(rows):
    return _against(rows, BUDGETS) if len(rows) > 1 else None


def _against(rows, costs: Mapping[str, tuple[str, float]]):
    """Draws accuracy against costs, one line for each name of a row."""
    lines, others = _series(rows)
    size = (3.4 * len(costs) + 2.4, 4)
    sheet = figure.Figure(figsize=size, layout="constrained")
    panels = sheet.subplots(1, len(costs), sharey=True, squeeze=False)[0]
    for axes, (cost, (label, unit)) in zip(panels, costs.items(), strict=True):
        ends = []
        for row in others:
            x, (y, _) = row.cost(cost) / unit, _scaled(row)
            axes.plot(x, y, ".", color=_OTHERS)
        if others:
            text = f"{len(others)} others, in the table"
            ends.append(direct_labels.Label(text, _OTHERS, x, y))
        for color, (name, line) in zip(_COLORS, lines.items(), strict=False):
            line = sorted(line, key=lambda row: row.cost(cost))
            means, spreads = zip(*map(_scaled, line), strict=True)
            places = [row.cost(cost) / unit for row in line]
            name = _of_student(name, line, rows)
            axes.errorbar(
                places,
                means,
                spreads,
                label=name,
                color=color,
                marker="o",
                capsize=3,
            )
            ends.append(direct_labels.Label(name, color, places[-1], means[-1]))
        # The axis begins at 0, so that lengths are proportional to costs.
        most = 1.06 * max(row.cost(cost) for row in rows) / unit
        axes.set(xlabel=label, xlim=(0, most))
        ends += [
            direct_labels.Label(name, "grey", most, value)
            for name, value in _teachers(axes, rows)
        ]
    panels[0].set(ylabel=_label(rows))
    direct_labels.draw(panels[-1], ends)
    return sheet


def _series(rows):
    """Returns the rows of each name that is shown, and the other rows."""
    lines: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: -row.score):
        lines.setdefault(row.name, []).append(row)
    shown = len(_COLORS) if len(lines) <= len(_COLORS) else len(_COLORS) - 1
    names = list(lines)
    others = [row for name in names[shown:] for row in lines.pop(name)]
    return lines, others


def _of_student(name, line, rows):
    """Returns the name of a line; with its student if there are others."""
    (student, *more) = {row.student for row in line}
    alone = not more and len({row.student for row in rows}) > 1
    return f"{name}, {student}" if alone else name


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


def _teachers(axes, rows):
    """Draws the teachers' accuracies; returns their names and accuracies."""
    measure = rows[0].measure
    key = f"{_split(rows)}_{measure.name}"
    teachers = (row.runs[0].report["teacher"] for row in rows)
    known = dict.fromkeys((one["model"], one.get(key)) for one in teachers)
    drawn = [
        (f"teacher {name}", measure.scale * value)
        for name, value in known
        if value is not None
    ]
    for i, (name, value) in enumerate(drawn):
        style = {"ls": ("--", "-.", ":")[i % 3], "color": "grey"}
        axes.axhline(value, label=name, **style)
    return drawn


def _label(rows):
    measure = rows[0].measure
    return measure.headed(f"{_split(rows)} {measure.name}", measure.unit)


def _split(rows):
    read = rows[0].runs[0].settings["read_test"]  # As all of a table.
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
NAMES = tuple(_FIGURES)
