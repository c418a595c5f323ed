"""What a run has to say for itself: `report.json`, `report.md`, the table."""

import json
import os
import pathlib
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from lit_tf import errors
from lit_tf.sections import cost
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.training import run_folder
from lit_tf.utils import atomic_files, text_format

_ROWS = (
    ("test accuracy", "test_accuracy", "{:.2%}".format),
    ("changes that succeed", "attribute_accuracy", "{:.2%}".format),
    ("FID", "fid", "{:.2f}".format),
    ("Inception score", "inception_score", "{:.2f}".format),
    ("depth", "depth", "{:,}".format),
    ("parameters", "parameters", "{:,}".format),
    ("FLOPs an example", "flops", lambda n: f"{n / 1e6:,.2f} M"),
    ("SavedModel", "saved_model_bytes", lambda n: f"{n / 1024:,.0f} KiB"),
    ("latency, batch 1", "latency_ms", "{:.2f} ms".format),
)
# What the student has less of, by its name in the report's `compression`.
_RATIOS = {
    "depth": "depth",
    "parameters": "parameters",
    "flops": "flops",
    "saved_model_bytes": "bytes",
    "latency_ms": "latency",
}


def costs(model: SectionedModel, saved_model: pathlib.Path) -> dict[str, Any]:
    """Returns what a model costs, but for its latency."""
    counted = cost.count_flops(model)
    costs = {
        "model": model.name,
        "depth": cost.depth(model),
        "parameters": cost.parameters(model),
        "flops": counted.flops,
        "saved_model_bytes": cost.folder_bytes(saved_model),
    }
    if counted.uncounted:
        costs["uncounted_operations"] = list(counted.uncounted)
    return costs


def _uncounted(*costs):
    """Returns a sentence about uncounted operations, [] if there are none."""
    types = {x for each in costs for x in each.get("uncounted_operations", ())}
    return [cost.note(types), ""] if types else []


def compression(
    teacher: Mapping[str, Any], student: Mapping[str, Any]
) -> dict[str, float]:
    """Returns teacher ÷ student of every cost, by name."""
    return {name: teacher[key] / student[key] for key, name in _RATIOS.items()}


def hardware() -> dict[str, Any]:
    """Names the machine: processor, cores this process may use, GPUs."""
    processor = platform.processor() or platform.machine()
    info = pathlib.Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    gpus = [
        tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    cores = len(os.sched_getaffinity(0))
    return {"processor": processor, "cores": cores, "gpus": gpus}


def table(
    teacher: Mapping[str, Any],
    student: Mapping[str, Any],
    ratios: Mapping[str, float],
) -> str:
    """Returns teacher and student side by side, as a Markdown table."""
    rows = [("", f"teacher {teacher['model']}", f"student {student['model']}")]
    for label, key, form in _ROWS:
        if key not in student:
            continue
        ours = form(student[key])
        if key in _RATIOS:
            ours += f" ({ratios[_RATIOS[key]]:.2f}× less)"
        rows.append((label, form(teacher[key]), ours))
    return text_format.table(rows)


def sections(
    teacher: SectionedModel,
    student: SectionedModel,
    *,
    ends: str,
    sections: str,
) -> str:
    """Returns the parts of both, what flows between and what is trained.

    Args:
        teacher: K sections.
        student: likewise.
        ends: what becomes of stem and head in phase lit, in words.
        sections: what becomes of the sections.
    """
    rows = [("part", "output", "teacher", "student", "phase lit")]
    names = [f"section {k}" for k in range(1, len(student.sections) + 1)]
    parts = [
        (model.stem, *model.sections, model.head)
        for model in (teacher, student)
    ]
    for name, theirs, ours, fate in zip(
        ("stem", *names, "head"),
        *parts,
        (ends, *[sections] * len(names), ends),
        strict=True,
    ):
        shapes = {
            "×".join(map(str, model.output_shape[1:])): None
            for model in (theirs, ours)
        }
        counts = (f"{cost.parameters(model):,}" for model in (theirs, ours))
        rows.append((name, " → ".join(shapes), *counts, fate))
    return text_format.table(rows)


def text(report: Mapping[str, Any], said: Sequence[str]) -> str:
    """Returns a compression's report for people, as Markdown.

    Args:
        report: as `report.json` has it.
        said: lines on how good the student is.
    """
    wall, machine = report["wall_seconds"], report["hardware"]
    lines = [
        f"# {report['teacher']['model']} → {report['student']['model']} "
        f"on {report['data']['name']}",
        "",
        table(report["teacher"], report["student"], report["compression"]),
        "",
        *said,
        "",
        "FLOPs are 2 × multiply-adds. Latency is the median of the SavedModels "
        f"called in turn, {report['latency_threads']} threads. The "
        "SavedModel's answers differ from the student's by at most "
        f"{report['export_max_difference']:.1e} (a logit; of pictures a byte).",
        "",
        *_uncounted(report["teacher"], report["student"]),
        _budget(report["settings"]["method"], report["budget"]),
        "",
        "Time: "
        + ", ".join(f"{k} {text_format.duration(v)}" for k, v in wall.items())
        + f", on {machine['cores']} cores of {machine['processor']}"
        + "".join(f" and {gpu}" for gpu in machine["gpus"])
        + ". "
        + ", ".join(f"{k} {v}" for k, v in report["versions"].items())
        + ".",
        "",
        f"Data: {report['data']['note'] or report['data']['name']}; "
        f"{report['data']['train']:,} train, "
        f"{report['data']['validation']:,} validate. "
        f"{report['teacher']['validation_note']}",
        "",
        "![Curves](curves.png)",
        "",
        "```",
        report["command"],
        "```",
    ]
    return "\n".join(lines) + "\n"


def _budget(method, budget):
    return (
        f"Method {method}. Training took {budget['examples']:,} examples, "
        f"{budget['flops'] / 1e12:,.2f} TFLOPs (2 × multiply-adds, the "
        "teacher's answers among them) and "
        f"{text_format.duration(budget['seconds'])}."
    )


def teacher_text(report: Mapping[str, Any], said: Sequence[str]) -> str:
    """Returns a teacher's report for people, as Markdown.

    Args:
        report: as `report.json` has it.
        said: lines on how good it is.
    """
    teacher = report["teacher"]
    rows = [("", f"teacher {teacher['model']}")]
    if teacher["validation_accuracy"] is not None:
        word = (
            f"{teacher['validation_accuracy']:.2%} (epoch {teacher['epoch']})"
        )
        rows.append(("validation accuracy", word))
    rows += [
        (label, form(teacher[key]))
        for label, key, form in _ROWS
        if teacher.get(key) is not None
    ]
    spent = text_format.duration(report["wall_seconds"]["teach"])
    lines = [
        f"# {teacher['model']} on {report['data']['name']}",
        "",
        text_format.table(rows),
        "",
        *said,
        *[""] * bool(said),
        *_uncounted(teacher),
        f"Time: {spent}. One seed ({report['settings']['seed']}).",
        "",
        "```",
        report["command"],
        "```",
    ]
    return "\n".join(lines) + "\n"


def leave(
    folder: run_folder.RunFolder, results: Mapping[str, Any], text: str
) -> dict[str, Any]:
    """Writes a report for people and one for programs, and prints the first.

    The JSON comes last: it is what says that the run is finished.

    Args:
        folder: the run folder.
        told: the report.
        text: the same for people.

    Returns:
        The report as `report.json` has it.
    """
    atomic_files.write_text(folder.report_text, text)
    atomic_files.write_json(folder.report, results)
    print(f"\n{folder.report_text.read_text()}\nLeft in {folder.path}/")
    return json.loads(folder.report.read_text())


def repeat(folder: run_folder.RunFolder) -> dict[str, Any]:
    """Prints the report of a finished run again, and returns it."""
    try:
        text = folder.report_text.read_text()
        results = json.loads(folder.report.read_text())
    except (OSError, ValueError):
        raise errors.DataError(
            f"The report in {folder.path} is damaged. Remove "
            f"{folder.report.name}, and the same command writes it again."
        ) from None
    print(f"{folder.path} is finished; --overwrite starts afresh.\n")
    print(text)
    return results
