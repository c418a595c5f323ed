"""Costs of teacher and student, both exported in the same way."""

import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

from lit_tf import data
from lit_tf.experiment.tasks import TASKS
from lit_tf.interop.saved_model import served, write
from lit_tf.sections import cost
from lit_tf.sections.sectioned_model import SectionedModel

CHECKED = 64  # Number of examples on which an export is checked.

# Costs whose ratio teacher ÷ student is reported, and the ratio's name in the
# report's `compression`.
RATIOS = {
    "depth": "depth",
    "parameters": "parameters",
    "flops": "flops",
    "saved_model_bytes": "bytes",
    "latency_ms": "latency",
}


def of_teacher(
    teacher: SectionedModel,
    dataset: data.Dataset,
    saved_model: pathlib.Path,
) -> dict[str, Any]:
    """Exports a teacher and returns its costs.

    Args:
        teacher: the teacher, float32.
        dataset: the dataset whose training examples check the export.
        saved_model: the folder to write.
    """
    write(
        teacher, saved_model, dataset.train.read(0, CHECKED), **_kind(dataset)
    )
    return costs(teacher, saved_model)


def of_student(
    teacher: SectionedModel,
    student: SectionedModel,
    dataset: data.Dataset,
    saved_model: pathlib.Path,
) -> dict[str, Any]:
    """Exports a student and compares its costs with those of its teacher.

    Args:
        teacher: the teacher, float32.
        student: the student, float32.
        dataset: the dataset whose training examples check the exports.
        saved_model: the folder to write.

    Returns:
        Entries of the report: `teacher`, `student`, `compression`,
        `latency_threads`, `export_max_difference`.
    """
    checked, kind = dataset.train.read(0, CHECKED), _kind(dataset)
    difference = write(student, saved_model, checked, **kind)
    with tempfile.TemporaryDirectory() as temporary:
        folders = {
            "teacher": pathlib.Path(temporary) / "teacher",
            "student": saved_model,
        }
        write(teacher, folders["teacher"], checked, **kind)
        example = served(student, dataset.train.read(0, 1))
        latency = cost.latency_ms(folders, example)
        facts = {
            role: costs(model, folders[role]) | {"latency_ms": latency[role]}
            for role, model in (("teacher", teacher), ("student", student))
        }
    return {
        **facts,
        "compression": _compression(facts["teacher"], facts["student"]),
        "latency_threads": cost.threads(),
        "export_max_difference": difference,
    }


def costs(model: SectionedModel, saved_model: pathlib.Path) -> dict[str, Any]:
    """Returns the costs of a model, except its latency."""
    return {
        "model": model.name,
        "depth": cost.depth(model),
        "parameters": cost.parameters(model),
        **cost.count_flops(model).facts,
        "saved_model_bytes": cost.folder_bytes(saved_model),
    }


def _compression(
    teacher: Mapping[str, Any], student: Mapping[str, Any]
) -> dict[str, float]:
    """Returns the ratio teacher ÷ student of every cost, by name."""
    return {name: teacher[key] / student[key] for key, name in RATIOS.items()}


def _kind(dataset):
    """Returns what a SavedModel returns, as arguments of `write`."""
    output = TASKS[dataset.task].output
    return {"output": output, "classes": dataset.class_names}
