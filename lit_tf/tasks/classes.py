"""Classification: what is trained, and the proof that a student is as good."""

from collections.abc import Mapping
from typing import Any

import keras

from lit_tf import (
    checkpoints,
    data,
    distill,
    lit,
    measure,
    readings,
    sectioned,
    teach,
    trainer,
)
from lit_tf import config as configs
from lit_tf import logs as logging
from lit_tf import teacher as teachers
from lit_tf import workdir as workdirs

ACCURACY = ""  # Which one it is: there is but one.
# Of the metrics, what is drawn: its tag and its name.
CURVES = {
    "accuracy": "student, train",
    "validation/accuracy": "student, validation",
}


def check(
    config: configs.Teach | configs.Compress, dataset: data.Dataset
) -> None:
    """Refuses what would only be found out at a run's end: nothing."""
    del config, dataset


def teaching(
    config: configs.Teach | configs.Compress,
    model: sectioned.SectionedModel,
    dataset: data.Dataset,
) -> trainer.Trainer:
    """Returns the trainer of phase `teach`."""
    del config, dataset
    return teach.Teach(model)


def compression(
    config: configs.Compress,
    teacher: sectioned.SectionedModel,
    student: sectioned.SectionedModel,
    frozen: keras.Model,
    beside: Mapping[str, keras.Model],
) -> dict[str, trainer.Trainer]:
    """Returns the trainers of phases `lit` and `fine_tune`, by name."""
    del beside
    method = config.method
    kd = {"alpha": method.alpha, "temperature": method.temperature}
    ir = {"beta": method.beta, "penalty": method.penalty}
    return {
        "lit": lit.LIT(teacher, student, frozen=frozen, **kd, **ir),
        "fine_tune": distill.Distill(teacher, student, frozen=frozen, **kd),
    }


def beside(
    config: configs.Compress, dataset: data.Dataset, taught: str
) -> dict[str, keras.Model]:
    """Returns what lies beside a teacher, by name: nothing."""
    del config, dataset, taught
    return {}


def watchers(
    phase: str,
    logs: logging.Logs,
    position: checkpoints.Position,
    dataset: data.Dataset,
    session: configs.Session,
    total: int,
) -> list[keras.callbacks.Callback]:
    """Returns what shows a phase's examples while it runs."""
    del phase, session, total
    return [readings.Readings(logs, position, dataset)]


def look_at(
    model: trainer.Trainer,
    split: data.Split,
    dataset: data.Dataset,
    beside: Mapping[str, keras.Model],
) -> float:
    """Returns the accuracy of a trainer's teacher, as it is asked."""
    del dataset, beside
    asked = teachers.output_alone(model.frozen)
    return measure.accuracy(measure.predictions(asked, split), split.labels)


def evaluate(
    model: keras.Model,
    dataset: data.Dataset,
    session: configs.Session,
    **of_generators: Any,
) -> dict[str, Any]:
    """Reads the test split and returns a model's `test_accuracy`."""
    del session, of_generators
    return _tested(model, dataset)


def judge_teacher(
    config: configs.Teach,
    teacher: sectioned.SectionedModel,
    dataset: data.Dataset,
    folder: workdirs.Workdir,
    beside: Mapping[str, keras.Model],
) -> dict[str, Any]:
    """Reads the test split and returns a teacher's `test_accuracy`."""
    del config, folder, beside
    return _tested(teacher, dataset)


def judge(
    config: configs.Compress,
    teacher: sectioned.SectionedModel,
    students: Mapping[str, sectioned.SectionedModel],
    exported: str,
    dataset: data.Dataset,
    folder: workdirs.Workdir,
    beside: Mapping[str, keras.Model],
) -> dict[str, Any]:
    """Reads the test split and sets students beside their teacher.

    Args:
        config: the settings.
        teacher: float32, raw inputs → logits.
        students: the same, by which they are: "last", "best".
        exported: which of them is.
        dataset: whose test split is read.
        folder: the run folder.
        beside: what lies beside the teacher.

    Returns:
        Of the report: `teacher`, `student`, `students` (of each its
        `test_accuracy`), `agreement`, `difference`.
    """
    del config, folder, beside
    labels = dataset.test.labels
    predicted = {
        which: measure.predictions(model, dataset.test)
        for which, model in {**students, "teacher": teacher}.items()
    }
    judged = {
        which: {"test_accuracy": measure.accuracy(found, labels)}
        for which, found in predicted.items()
    }
    paired = measure.paired_difference(
        predicted["teacher"], predicted[exported], labels
    )
    return {
        "teacher": judged.pop("teacher"),
        "student": judged[exported],
        "students": judged,
        "agreement": paired.pop("agreement"),
        "difference": paired,
    }


def teacher_lines(told: Mapping[str, Any]) -> list[str]:
    """Returns what a teacher's report says besides its table: nothing."""
    del told
    return []


def lines(told: Mapping[str, Any]) -> list[str]:
    """Returns what a report says of how good the student is, in Markdown."""
    student, paired = told["student"], told["difference"]
    said = [
        f"Student − teacher on the {told['data']['test']:,} test examples: "
        f"{100 * paired['difference']:+.2f} points, 95 % interval "
        f"[{100 * paired['low']:+.2f}, {100 * paired['high']:+.2f}] (paired); "
        f"they agree on {told['agreement']:.2%}. One seed "
        f"({told['settings']['seed']}).",
        "",
        "| student | epoch of fine_tune | validation | test |",
        "|---|---|---|---|",
    ]
    for which in ("last", "best"):
        one = student[which]
        if one is not None:
            validation = one["validation_accuracy"]
            said.append(
                f"| {which}{' (exported)' * (which == student['exported'])} "
                f"| {one['epoch']} "
                f"| {'—' if validation is None else f'{validation:.2%}'} "
                f"| {one['test_accuracy']:.2%} |"
            )
    return [
        *said,
        "",
        "Chosen on validation; the test split was read once, after the last "
        "phase.",
    ]


def _tested(model, dataset):
    predicted = measure.predictions(model, dataset.test)
    return {"test_accuracy": measure.accuracy(predicted, dataset.test.labels)}
