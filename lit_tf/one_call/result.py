"""`CompressionResult`: what `lit_tf.compress` returns."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from lit_tf.config.deployment import Deployment
from lit_tf.data.dataset import Dataset
from lit_tf.deployment import export_call, export_report, formats
from lit_tf.experiment import report_text
from lit_tf.experiment.tasks import class_report
from lit_tf.utils import text_format, web_page


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompressionResult:
    """The result of a compression. `print` shows its report.

    Args:
        student: the student: a model of Keras's layers that returns what the
            user's model returns; compiled as that one, if it was compiled.
        history: the metrics of each epoch, by phase and name.
        facts: everything in the table, as in `report.json`.
        teacher: the user's model.
        data: the user's data, from which `export` takes examples.
        folder: the run folder, in which `export` reports; None for none.
    """

    student: keras.Model
    history: Mapping[str, Mapping[str, Sequence[float]]]
    facts: Mapping[str, Any]
    teacher: keras.Model
    data: Dataset
    folder: pathlib.Path | None = None

    def export(
        self,
        path: str | os.PathLike,
        *,
        format: str = "auto",
        quantize: str = "none",
        overwrite: bool = False,
        **how: Any,
    ) -> export_report.Exported:
        """Exports the student, checks the file, and measures it.

        Example: `result.export("student.tflite", quantize="int8")`.

        Args:
            path: the path to write (see `lit_tf.export`).
            format: "litert", "keras" or "saved_model"; "auto" for that of the
                path.
            quantize: "none", "float16", "dynamic" or "int8", for LiteRT.
            overwrite: whether an existing file of the format is replaced.
            **how: other arguments of `lit_tf.export`: `calibration_examples`,
                `integer_io`, `seed` and `threads`.

        Returns:
            The facts, with the teacher's, and their table. They are also
            written into the run folder, if there is one.

        Raises:
            SettingsError: as `lit_tf.export`.
            DataError: as `lit_tf.export`.
        """
        settings = Deployment(format=format, quantize=quantize, **how)
        settings = settings.for_path(path)
        formats.of(settings).check_target(path, overwrite)
        if self.folder:
            export_report.check_writable(self.folder, settings)
        exported = export_call.of_dataset(
            self.student, path, self.data, settings, teacher=self.teacher
        )
        if self.folder:
            export_report.write(exported.facts, self.folder, settings)
        return exported

    @property
    def table(self) -> str:
        """Teacher next to student in Markdown, and a sentence on both."""
        return (
            f"{text_format.table(rows(self.facts))}\n\n{sentence(self.facts)}"
        )

    @property
    def report(self) -> str:
        """The table, the blocks that were kept, advice, and single classes."""
        facts = self.facts
        lines = [
            self.table,
            *report_text.uncounted(facts["teacher"], facts["student"]),
            *report_text.about(facts.get("kept"), facts),
        ]
        if "per_class" in facts:
            lines += class_report.lines(
                facts["per_class"], facts["confused"], split="validation"
            )
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.report

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Returns the report for a notebook."""
        return web_page.body(self.report)


def rows(facts: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Returns the rows of the table, of which the first holds the headings."""
    teacher, student = facts["teacher"], facts["student"]
    table = [("", f"teacher {teacher['model']}", f"student {student['model']}")]
    names = {**teacher["metrics"], **student["metrics"]}
    table += [
        (
            name.replace("_", " "),
            text_format.metric(name, teacher["metrics"].get(name)),
            text_format.metric(name, student["metrics"].get(name)),
        )
        for name in names
    ]
    for name, form in (
        ("depth", "{:,}".format),
        ("parameters", "{:,}".format),
        ("flops", lambda n: f"{n / 1e6:,.1f} M"),
        ("latency_ms", "{:.2f} ms".format),
        ("bytes", text_format.size),
    ):
        # Not written by an earlier version, or FLOPs that cannot be counted.
        if not teacher.get(name):
            continue
        less = teacher[name] / student[name] if student[name] else 1.0
        label = {"flops": "FLOPs per example", "latency_ms": "latency, batch 1"}
        label["bytes"] = "weights"
        table.append(
            (
                label.get(name, name),
                form(teacher[name]),
                f"{form(student[name])} ({less:.2f}× less)",
            )
        )
    return table


def sentence(facts: Mapping[str, Any]) -> str:
    """Returns a sentence on the difference between both models."""
    found = facts["comparison"]
    if found is None:
        return "There were no validation data to compare them on."
    where = f"On {found['examples']:,} validation examples"
    if "difference" not in found:
        distance = found["student"]["distance"]
        return (
            f"{where} the mean distance of the student's vectors from the "
            f"teacher's is {distance:.4f}."
        )
    difference = found["difference"]
    low, middle, high = (difference[k] for k in ("low", "difference", "high"))
    if difference["of"] == "accuracy":
        return (
            f"{where} the student's accuracy is {100 * middle:+.2f} points "
            f"from the teacher's (95 % interval [{100 * low:+.2f}, "
            f"{100 * high:+.2f}], paired); they agree on "
            f"{difference['agreement']:.2%}. The best epoch was chosen on the "
            "same examples."
        )
    interval = ""
    if low is not None:
        interval = f" (95 % interval [{low:+.4g}, {high:+.4g}], paired)"
    return (
        f"{where} the student's loss is {middle:+.4g} from the teacher's"
        f"{interval}. The best epoch was chosen on the same examples."
    )
