"""Embeddings: training, evaluation and report of encoders without labels."""

import dataclasses

from lit_tf import errors, outputs
from lit_tf.config import Compress, Loss, method_table, own_model
from lit_tf.evaluation import embeddings
from lit_tf.experiment.tasks import students_table
from lit_tf.experiment.tasks.task import Task
from lit_tf.methods.stages import method_stages

_FIGURES = (
    ("cosine, validation", "validation_cosine", "{:.4f}".format),
    ("cosine, test", "test_cosine", "{:.4f}".format),
    ("same nearest text", "same_nearest", "{:.2%}".format),
)


class Embeddings(Task):
    """Learns a teacher's vectors from texts alone."""

    outputs = outputs.Embeddings()
    output = "embedding"
    validated = "validation_cosine"
    curves = {
        "soft": "1 − cosine to the teacher, train",
        "validation/soft": "the same, validation",
    }

    def check(self, settings, dataset):
        super().check(settings, dataset)
        texts = f"{dataset.name} has texts without labels"
        errors.require(
            isinstance(settings, Compress),
            f"{texts}, from which no teacher can be trained. Write a label "
            "before each text, or pass a trained encoder to lit-compress "
            "--teacher_weights.",
            teacher=settings.teacher,
        )
        errors.require(
            bool(settings.teacher_weights) and settings.shrink.requested,
            f"{texts}. Pass a trained encoder with --teacher_weights, and "
            "--compression or --keep to make the student from its blocks.",
            teacher_weights=settings.teacher_weights,
            student=settings.student,
        )
        errors.require(
            not method_table.get(settings.method).needs_labels,
            f"{texts}, and `method` {settings.method} trains on labels. Choose "
            f"one of {', '.join(_without_labels())}.",
            method=settings.method,
        )
        for name in ("alpha", "temperature"):
            value = getattr(settings.loss, name)
            errors.require(
                value in (getattr(Loss, name), own_model.DEFAULTS[name]),
                f"`{name}` is for classes, and {texts}. Leave it out.",
                **{name: value},
            )
        errors.require(
            settings.min_teacher_accuracy <= 0,
            f"{texts}, by which the accuracy of the teacher could be measured. "
            "Leave `min_teacher_accuracy` out.",
            min_teacher_accuracy=settings.min_teacher_accuracy,
        )

    def stages(self, pair, auxiliary_models):
        return method_stages(dataclasses.replace(pair, outputs=self.outputs))

    def evaluate(
        self,
        models,
        dataset,
        session,
        auxiliary_models,
        *,
        exported="",
        folder=None,
    ):
        """Reads the test split and compares students with their teacher.

        Returns:
            `roles`, the results of each student (see `embeddings.compare`).

        Raises:
            SettingsError: if there is no teacher to compare with.
        """
        errors.require(
            "teacher" in models,
            "Without labels, an encoder is compared with its teacher. Name it "
            "with --teacher_weights.",
            dataset=dataset.name,
        )
        students = dict(models)
        teacher = students.pop("teacher")
        roles = embeddings.compare(teacher, students, dataset.test)
        return {"roles": {"teacher": {}, **roles}}

    def report_lines(self, report):
        student = report["student"]
        count = min(report["data"]["test"], embeddings.NEIGHBORS)
        return [
            "Student against teacher on the "
            f"{report['data']['test']:,} test texts: mean cosine of their "
            f"vectors {student['test_cosine']:.4f}. Of the first {count:,} "
            f"texts, {student['same_nearest']:.2%} have the same nearest other "
            f"text for both. One seed ({report['settings']['seed']}).",
            "",
            *students_table.lines(student, _FIGURES),
        ]


def _without_labels():
    names = method_table.names()
    return [n for n in names if not method_table.get(n).needs_labels]
