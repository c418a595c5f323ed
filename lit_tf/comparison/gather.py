"""The steps of `lit-report`: from run folders to a report."""

import collections
import dataclasses
import math
import pathlib
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lit_tf import errors
from lit_tf.comparison import figures, pages, rows, runs, significance
from lit_tf.utils import atomic_files, web_page

_TITLE = "# Comparison of training methods"
# A run folder holds a report.json, and a report of several runs must not.
_DATA, _TEXT, _PAGE = "rows.json", "report.md", "report.html"
_OF_RUN = "report.json"
_EXPORTED = "saved_model"
Latencies = Callable[[Sequence[pathlib.Path]], Mapping[pathlib.Path, float]]


def gather(
    folders: Sequence[str],
    output: str,
    *,
    reference: str = "",
    mixed: bool = False,
    overwrite: bool = False,
    latencies: Latencies | None = None,
) -> dict[str, Any]:
    """Compares finished runs; prints the report and writes it to a folder.

    Args:
        folders: run folders, or folders that contain run folders.
        output: the folder to write.
        reference: the name of the row with which the other rows of a student
            are compared, in the tables that have it; in others, and with "",
            it is the first row of the same student and start, which is LIT with
            default settings if there is such a row.
        mixed: whether runs of different data or versions are accepted.
        overwrite: whether a report at `output` may be replaced.
        latencies: measures the students of run folders in turn, or returns
            nothing if it cannot; None for those that the runs measured.

    Returns:
        The report, as in `rows.json`.

    Raises:
        SettingsError: if `folders` is empty, or no row is named `reference`.
        DataError: if no run has finished, the runs do not belong in one report,
            or `output` is not empty.
    """
    if not folders:
        raise errors.SettingsError(
            "Name the folders of finished runs, for example: lit-report runs/"
        )
    target = pathlib.Path(output)
    _check_target(target, overwrite)
    found, skipped = runs.find(folders)
    warnings = runs.check(found, mixed=mixed)
    tables = rows.tables(found)
    known = dict.fromkeys(row.name for table in tables for row in table)
    if reference and reference not in known:
        raise errors.SettingsError(errors.unknown("row", reference, known))
    _clear(target)
    parts = [_TITLE, *(f"**Mixed.** {line}" for line in warnings)]
    results = {"warnings": warnings, "left_out": skipped, "data": []}
    for number, group in enumerate(tables, 1):
        group = _measured(group, latencies)
        references = _references(group, reference)
        group = sorted(group, key=lambda row: (row.architecture, -row.score))
        differences = significance.against(references, group)
        place = f"data_{number}" if len(tables) > 1 else ""
        (target / place).mkdir(exist_ok=True)
        drawn = {
            str(pathlib.Path(place) / name): about
            for name, about in figures.draw(group, target / place).items()
        }
        title = f"{number}. " if len(tables) > 1 else ""
        parts.append(
            pages.section(group, references, differences, drawn, title=title)
        )
        results["data"].append(_numbers(group, references, differences))
    if skipped:
        parts += ["## Left out", *(f"- {line}" for line in skipped)]
    text = "\n\n".join(parts) + "\n"
    atomic_files.write_text(target / _TEXT, text)
    atomic_files.write_text(target / _PAGE, web_page.page(text, target))
    atomic_files.write_json(target / _DATA, results)
    print(f"{text}\nWritten to {target}/")
    return results


def _check_target(target, overwrite):
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    of_run = (target / _OF_RUN).is_file()
    if of_run or not (target / _PAGE).is_file():
        raise errors.DataError(
            f"{target} contains other files than a report. Choose another "
            "--output."
        )
    if not overwrite:
        raise errors.DataError(
            f"{target} exists. Pass --overwrite to replace it."
        )


def _clear(target):
    """Makes a folder, or removes the figures of an earlier report from it."""
    target.mkdir(parents=True, exist_ok=True)
    for folder in (target, *target.glob("data_[0-9]*")):
        for name in figures.NAMES:
            (folder / name).unlink(missing_ok=True)
        if not any(folder.iterdir()):  # Other files of a user stay.
            folder.rmdir()
    target.mkdir(exist_ok=True)


def _references(group, name):
    """Returns the row that others of each student and start compare with."""
    found: dict[tuple[Any, ...], rows.Row] = {}
    named = name in {row.name for row in group}  # Maybe of another table.
    for row in group:
        # LIT with default settings comes first, if there is such a row.
        if not named:
            found.setdefault(row.kind, row)
        elif row.name == name:
            alike = [r for r in group if r.architecture == row.architecture]
            found |= {one.kind: row for one in alike}
    return found


def _measured(group, latencies):
    """Returns rows with latencies measured in turn, if all can be measured."""
    folders = [row.runs[0].folder for row in group]
    if not latencies or not all((f / _EXPORTED).is_dir() for f in folders):
        return group
    found = latencies(folders)
    if not found:
        return group
    alike = collections.defaultdict(list)
    for row, folder in zip(group, folders, strict=True):
        alike[row.architecture].append(found[folder])
    medians = {one: statistics.median(each) for one, each in alike.items()}
    return [
        dataclasses.replace(
            row, latency_ms=medians[row.architecture], in_turn=True
        )
        for row in group
    ]


def _numbers(group, references, differences):
    """Returns all numbers that the report shows of one table."""
    return {
        "data": group[0].runs[0].report["data"],
        "teachers": pages.teachers(group),
        "references": _first_of_each(references),
        "rows": [
            {
                "name": row.name,
                "student": row.student,
                "seeds": [run.seed for run in row.runs],
                "folders": [str(run.folder) for run in row.runs],
                row.measure.plural: {
                    f"{split}_{which}": row.of(rows.figure(which, split))
                    for split in ("test", "validation")
                    for which in ("last", "best")
                },
                **{
                    name: row.cost(name)
                    for name in (*figures.COSTS, *figures.BUDGETS)
                },
            }
            for row in group
        ],
        "differences": [_difference(one) for one in differences],
    }


def _first_of_each(references):
    """Returns the name of the first reference of each student."""
    names = {}
    for row in references.values():
        names.setdefault(row.student, row.name)
    return names


def _difference(one):
    # JSON has no NaN.
    figures = {
        name: None if math.isnan(value) else value
        for name in ("mean", "low", "high", "p")
        for value in [getattr(one, name)]
    }
    return {
        "row": one.row.name,
        "reference": one.reference.name,
        "student": one.row.student,
        "seeds": list(one.seeds),
        "at_equal": one.at_equal,
        **figures,
    }
