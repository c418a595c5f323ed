"""The report of a run as Markdown: tables and sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

from lit_tf.experiment import export_costs
from lit_tf.sections import cost
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.utils import text_format

_ROWS = (
    ("test accuracy", "test_accuracy", "{:.2%}".format),
    ("cosine to the teacher", "test_cosine", "{:.4f}".format),
    ("same nearest text", "same_nearest", "{:.2%}".format),
    ("successful changes", "attribute_accuracy", "{:.2%}".format),
    ("FID", "fid", "{:.2f}".format),
    ("Inception score", "inception_score", "{:.2f}".format),
    ("depth", "depth", "{:,}".format),
    ("parameters", "parameters", "{:,}".format),
    ("FLOPs per example", "flops", lambda n: f"{n / 1e6:,.2f} M"),
    ("SavedModel", "saved_model_bytes", lambda n: f"{n / 1024:,.0f} KiB"),
    ("latency, batch 1", "latency_ms", "{:.2f} ms".format),
)


def of_compression(report: Mapping[str, Any], lines: Sequence[str]) -> str:
    """Returns the report of a compression as Markdown.

    Args:
        report: the report, as in `report.json`.
        lines: the lines on the quality of the student.
    """
    wall, machine = report["wall_seconds"], report["hardware"]
    page = [
        f"# {report['teacher']['model']} → {report['student']['model']} "
        f"on {report['data']['name']}",
        "",
        _table(report["teacher"], report["student"], report["compression"]),
        "",
        *lines,
        *about(report["student"].get("blocks"), report),
        "",
        "FLOPs are 2 × multiply-adds. Latency is a median; the SavedModels "
        f"take turns, with {report['latency_threads']} threads. The outputs of "
        "the SavedModel differ from those of the student by at most "
        f"{report['export_max_difference']:.1e} (logits or vectors; bytes of "
        "an image).",
        *uncounted(
            report["teacher"],
            report["student"],
            *report["budget"]["phases"].values(),
        ),
        "",
        _budget(report["settings"], report["budget"]),
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
        f"{report['data']['train']:,} examples to train on, "
        f"{report['data']['validation']:,} to validate on."
        f" {report['teacher']['validation_note']}".rstrip(),
        "",
        "![Curves](curves.png)",
        "",
        "```",
        report["command"],
        "```",
    ]
    return "\n".join(page) + "\n"


def of_teacher(report: Mapping[str, Any], lines: Sequence[str]) -> str:
    """Returns the report of a teacher as Markdown.

    Args:
        report: the report, as in `report.json`.
        lines: the lines on the quality of the teacher.
    """
    teacher = report["teacher"]
    rows = [("", f"teacher {teacher['model']}")]
    if teacher["validation_accuracy"] is not None:
        accuracy = f"{teacher['validation_accuracy']:.2%}"
        rows.append(
            ("validation accuracy", f"{accuracy} (epoch {teacher['epoch']})")
        )
    rows += [
        (label, form(teacher[key]))
        for label, key, form in _ROWS
        if teacher.get(key) is not None
    ]
    spent = text_format.duration(report["wall_seconds"]["teach"])
    page = [
        f"# {teacher['model']} on {report['data']['name']}",
        "",
        text_format.table(rows),
        *uncounted(teacher),
        "",
        *lines,
        *[""] * bool(lines),
        f"Time: {spent}. One seed ({report['settings']['seed']}).",
        "",
        "```",
        report["command"],
        "```",
    ]
    return "\n".join(page) + "\n"


def _table(
    teacher: Mapping[str, Any],
    student: Mapping[str, Any],
    ratios: Mapping[str, float],
) -> str:
    """Returns a Markdown table of teacher and student, side by side."""
    rows = [("", f"teacher {teacher['model']}", f"student {student['model']}")]
    for label, key, form in _ROWS:
        if key not in student:
            continue
        value = form(student[key])
        if key in export_costs.RATIOS:
            value += f" ({ratios[export_costs.RATIOS[key]]:.2f}× less)"
        of_teacher = form(teacher[key]) if key in teacher else "—"
        rows.append((label, of_teacher, value))
    return text_format.table(rows)


def sections(
    teacher: SectionedModel,
    student: SectionedModel,
    *,
    ends: str,
    sections: str,
) -> str:
    """Returns a table of the parts of both models and their training.

    Args:
        teacher: the teacher, K sections.
        student: the student, K sections.
        ends: the training of stem and head in phase lit, in words.
        sections: the training of the sections in phase lit, in words.
    """
    rows = [("part", "output", "teacher", "student", "phase lit")]
    names = [f"section {k}" for k in range(1, len(student.sections) + 1)]
    parts = [
        (model.stem, *model.sections, model.head)
        for model in (teacher, student)
    ]
    for name, teacher_part, student_part, training in zip(
        ("stem", *names, "head"),
        *parts,
        (ends, *[sections] * len(names), ends),
        strict=True,
    ):
        # The first output of a stem is the representation, before the context.
        shapes = {
            text_format.shape(model.outputs[0].shape[1:]): None
            for model in (teacher_part, student_part)
        }
        counts = (
            f"{cost.parameters(model):,}"
            for model in (teacher_part, student_part)
        )
        rows.append((name, " → ".join(shapes), *counts, training))
    return text_format.table(rows)


def uncounted(*costs: Mapping[str, Any]) -> list[str]:
    """Returns a paragraph about uncounted operations, [] if there are none.

    Args:
        *costs: costs, as `costs` returns them.
    """
    types = {x for each in costs for x in each.get("uncounted_operations", ())}
    return ["", cost.note(types)] if types else []


def about(
    kept: Sequence[Mapping[str, Any]] | None, facts: Mapping[str, Any]
) -> list[str]:
    """Returns paragraphs about the blocks that were kept, and advice.

    Args:
        kept: as `kept_blocks.numbers` returns it; None for other students.
        facts: the report, with or without `advice`.
    """
    sentences = " ".join(
        f"Section {one['section']} keeps {len(one['kept'])} of the teacher's "
        f"{one['blocks']} blocks: {', '.join(map(str, one['kept']))}."
        for one in kept or ()
    )
    paragraphs = (sentences, facts.get("advice"))
    return [line for text in paragraphs if text for line in ("", text)]


def _budget(settings, budget):
    cached = settings["teacher_cache"] != "off"
    unless = " unless its outputs were cached" if cached else ""
    return (
        f"Method {settings['method']}. Training took "
        f"{budget['examples']:,} examples, {budget['flops'] / 1e12:,.2f} "
        f"TFLOPs (2 × multiply-adds, the teacher's included{unless}) and "
        f"{text_format.duration(budget['seconds'])}."
    )
