"""The page of a report, in Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from lit_tf.comparison import claims, published_results, significance
from lit_tf.comparison.rows import Row, figure, shared, spread
from lit_tf.utils import text_format

_MARKS = "†‡§¶"
_NOTHING = "—"
_FIRST = ("costs.png", "budgets.png")


def marks(rows: Sequence[Row], reference: Row) -> dict[int, str]:
    """Returns a mark for each budget that differs from the reference's.

    Args:
        rows: the rows of one table.
        reference: the row whose budget has no mark.

    Returns:
        The mark of each budget, in training examples; "" for the reference's.
    """
    others = sorted({row.examples for row in rows} - {reference.examples})
    return {
        budget: _MARKS[i % len(_MARKS)] * (1 + i // len(_MARKS))
        for i, budget in enumerate(others)
    } | {reference.examples: ""}


def section(
    rows: Sequence[Row],
    references: Mapping[tuple[Any, ...], Row],
    differences: Sequence[significance.Difference],
    figures: Mapping[str, str],
    *,
    title: str = "",
) -> str:
    """Returns the section of a report about one table, in Markdown.

    Args:
        rows: the rows of the table, in their order.
        references: the row with which the other rows of a student and start
            are compared, by both.
        differences: the differences from these rows.
        figures: the caption of each PNG file, by the file's name.
        title: what its heading begins with, such as "2. ".
    """
    reference = next(iter(references.values()))
    marked = marks(rows, reference)
    facts = rows[0].runs[0].report["data"]
    parts = [
        f"## {title}{facts['name']}: students of {_listed(teachers(rows))}",
        f"{facts['note'] or facts['name']}. Split into {facts['train']:,} "
        f"training, {facts['validation']:,} validation and "
        f"{facts['test']:,} test examples.",
        *_images({k: v for k, v in figures.items() if k.endswith(_FIRST)}),
        _table(_SCORES, (_scores(row, marked) for row in rows)),
        _teachers(rows),
        *_notes(rows, reference, marked),
        "### Differences",
        claims.text(differences, rows[0].measure),
        "### Costs of the student and of its training",
        _table(_COSTS, (_costs(row, marked) for row in rows)),
        "FLOPs are 2 × multiply-adds. FLOPs per example are those of "
        "inference. Training FLOPs are those of all training steps, including "
        "the teacher's forward passes, unless its outputs were cached. Latency "
        f"is that of the SavedModel at batch size 1, {_measured(rows)}. Other "
        "values are means over seeds.",
        *_images({k: v for k, v in figures.items() if not k.endswith(_FIRST)}),
    ]
    known = _published(rows)
    if known:
        parts += ["### Published", *known]
    return "\n\n".join(parts)


def _images(figures):
    """Yields the figures with their captions."""
    for name, about in figures.items():
        yield f"![{about}]({name})"
        yield f"{about}."


def _table(headings, rows):
    """Returns a table without the columns that say nothing."""
    columns = [
        column
        for column in zip(headings, *rows, strict=True)
        if set(column[1:]) != {_NOTHING}
    ]
    return text_format.table(list(zip(*columns, strict=True)))


def _measured(rows):
    """Returns when the latencies of rows were measured."""
    if rows[0].in_turn:
        return "measured in turn for this report"
    return (
        "as the runs measured it at different times, the median of those of "
        "one architecture: compare architectures with care"
    )


_SCORES = (
    "method",
    "student",
    "seeds",
    "test, last",
    "test, best on validation",
    "validation, best",
)


def _scores(row, marked):
    figures = (
        row.of(figure(which, split))
        for which, split in (
            ("last", "test"),
            ("best", "test"),
            ("best", "validation"),
        )
    )
    return (
        _name(row, marked),
        row.student,
        str(len(row.runs)),
        *(_spread(values, row.measure) for values in figures),
    )


_COSTS = (
    "method",
    "student",
    "depth",
    "parameters",
    "FLOPs per example",
    "latency",
    "training examples",
    "training FLOPs",
    "training time",
)


def _costs(row, marked):
    return (
        _name(row, marked),
        row.student,
        f"{row.cost('depth'):.0f}",
        f"{row.cost('parameters'):,.0f}",
        f"{row.cost('flops') / 1e6:,.1f} M",
        f"{row.cost('latency_ms'):.2f} ms",
        f"{row.cost('train_examples'):,.0f}",
        f"{row.cost('train_flops') / 1e12:,.2f} T",
        text_format.duration(row.cost("train_seconds")),
    )


def _name(row, marked):
    return f"{row.name} {marked[row.examples]}".rstrip()


def _spread(values, measure):
    if not values:
        return _NOTHING
    mean, deviation = spread(values)
    if len(values) == 1:
        return measure.shown(mean)
    number = measure.shown(mean).removesuffix(measure.unit)
    return f"{number} ± {measure.shown(deviation)}"


def teachers(rows: Sequence[Row]) -> list[str]:
    """Returns the names of the teachers of rows."""
    named = (row.runs[0].report["teacher"]["model"] for row in rows)
    return list(dict.fromkeys(named))


def _listed(names):
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _teachers(rows):
    lines = []
    for row in rows:
        teacher = row.runs[0].report["teacher"]
        scores = [
            f"{row.measure.shown(teacher[key])} on {split}"
            for split in ("test", "validation")
            if teacher.get(key := f"{split}_{row.measure.name}") is not None
        ]
        shown = ", ".join(scores) or row.measure.unknown
        lines.append(
            f"Teacher {teacher['model']}: {shown}; "
            f"{teacher['parameters']:,} parameters, "
            f"{teacher['flops'] / 1e6:,.1f} M FLOPs, "
            f"{row.cost('depth') and teacher['depth']} layers."
        )
    return " ".join(dict.fromkeys(lines))


def _notes(rows, reference, marked):
    measure = reference.measure
    if common := shared(rows):
        yield f"All rows: {', '.join(common)}."
    yield (
        f"{measure.plural.capitalize()} of several seeds are mean ± standard "
        f"deviation. {measure.one.capitalize()} without ± is of a single seed."
    )
    if len({row.runs[0].report["teacher"]["model"] for row in rows}) > 1:
        yield (
            "Rows of different teachers may also differ in settings that no "
            "name shows."
        )
    if not rows[0].runs[0].settings["read_test"]:
        yield (
            "These runs, with --noread_test, did not read the test split. They "
            "are compared on the validation split, on which they were chosen."
        )
    for budget, mark in marked.items():
        if mark:
            yield (
                f"{mark} Trained on {budget:,} examples, "
                f"{budget / reference.examples:.2f} times those of "
                f"{reference.name}: **a different budget**. Compare these "
                "rows with rows of another mark, or none, only as the "
                "differences do."
            )
    machines = {str(run.report["hardware"]) for row in rows for run in row.runs}
    if len(machines) > 1:
        yield (
            "These runs were made on different machines. Do not compare times "
            "and latencies of different rows."
        )


def _published(rows):
    students = sorted({row.student for row in rows})
    name = rows[0].runs[0].report["data"]["name"]
    known = {s: published_results.of(name, s) for s in students}
    known = {student: found for student, found in known.items() if found}
    if not known:
        return []
    ways = list(next(iter(known.values())))
    table = [("student", *(f"{way}, published" for way in ways))]
    for student, found in known.items():
        table.append((student, *(f"{found[way]:.2f}%" for way in ways)))
    return [
        text_format.table(table),
        "These are test accuracies of the authors' workshop paper, read from "
        "its vector figure. They are presumably single runs with other "
        "teachers and budgets, each at its best epoch on the test split. Do "
        "not compare them with the rows above.",
    ]
