"""The proof that a student is as good: exported, tested, measured, compared.

Read after the last phase: here, and only here, the test split is looked at.
"""

import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

from lit_tf import data, export, measure, report, sectioned

CHECKED = 64  # Examples that an export is checked with.


def of_teacher(
    teacher: sectioned.SectionedModel,
    dataset: data.Dataset,
    saved_model: pathlib.Path,
    *,
    read_test: bool,
) -> dict[str, Any]:
    """Exports a teacher and returns its costs, and its test accuracy if asked.

    Args:
        teacher: float32, raw inputs → logits.
        dataset: whose test split is read.
        saved_model: the folder to write.
        read_test: whether to read it at all.
    """
    export.write(teacher, saved_model, dataset.train.inputs[:CHECKED])
    facts = report.costs(teacher, saved_model)
    if read_test:
        predicted = measure.predictions(teacher, dataset.test)
        facts["test_accuracy"] = measure.accuracy(
            predicted, dataset.test.labels
        )
    return facts


def of_student(
    teacher: sectioned.SectionedModel,
    students: Mapping[str, sectioned.SectionedModel],
    exported: str,
    dataset: data.Dataset,
    saved_model: pathlib.Path,
) -> dict[str, Any]:
    """Exports a student and sets it beside its teacher.

    Args:
        teacher: float32, raw inputs → logits.
        students: the same, by which they are: "last", "best".
        exported: which of them is.
        dataset: whose test split is read.
        saved_model: the folder to write.

    Returns:
        The part of the report that compares: `teacher`, `student` (in it
        `test_accuracies` of all students), `agreement`, `difference`,
        `compression`, `latency_threads`, `export_max_difference`.
    """
    student, labels = students[exported], dataset.test.labels
    checked = dataset.train.inputs[:CHECKED]
    gap = export.write(student, saved_model, checked)
    with tempfile.TemporaryDirectory() as place:
        folders = {
            "teacher": pathlib.Path(place) / "teacher",
            "student": saved_model,
        }
        export.write(teacher, folders["teacher"], checked)
        one = export.raw(student, checked[:1])
        latency = measure.latency_ms(folders, one)
        facts = {
            "teacher": report.costs(teacher, folders["teacher"]),
            "student": report.costs(student, folders["student"]),
        }
    predicted = {
        which: measure.predictions(model, dataset.test)
        for which, model in {**students, "teacher": teacher}.items()
    }
    accuracy = {
        which: measure.accuracy(classes, labels)
        for which, classes in predicted.items()
    }
    for role, which in (("teacher", "teacher"), ("student", exported)):
        facts[role]["test_accuracy"] = accuracy[which]
        facts[role]["latency_ms"] = latency[role]
    facts["student"]["exported"] = exported
    facts["student"]["test_accuracies"] = {
        which: accuracy[which] for which in students
    }
    paired = measure.paired_difference(
        predicted["teacher"], predicted[exported], labels
    )
    return {
        **facts,
        "agreement": paired.pop("agreement"),
        "difference": paired,
        "compression": report.compression(facts["teacher"], facts["student"]),
        "latency_threads": measure.threads(),
        "export_max_difference": gap,
    }
