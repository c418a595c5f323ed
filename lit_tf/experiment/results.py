"""Results of a run: models saved, exported and evaluated."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from lit_tf.experiment import advice, curves, export_costs
from lit_tf.experiment.context import Run
from lit_tf.experiment.teacher_check import SPLIT_SETTINGS
from lit_tf.methods import stages
from lit_tf.sections import copying, kept_blocks, model_files, same_class
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.training import fit


def teacher_results(
    run: Run,
    teacher: SectionedModel,
    auxiliary_models: Mapping[str, keras.Model],
    *,
    read_test: bool,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Exports a teacher; returns its facts and the rest of the report."""
    facts = export_costs.of_teacher(
        teacher, run.dataset, run.folder.saved_model
    )
    if not read_test:
        return facts, {}
    results = run.task.evaluate(
        {"teacher": teacher},
        run.dataset,
        run.settings.session,
        auxiliary_models,
        folder=run.folder,
    )
    roles = results.pop("roles")
    return facts | roles["teacher"], results


def student_results(
    run: Run,
    pair: stages.Pair,
    outcomes: Sequence[tuple[stages.Stage, fit.Outcome]],
) -> dict[str, Any]:
    """Saves and exports the student; returns its costs and its quality.

    The student is chosen on validation; only then is the test split read.

    Args:
        run: the run.
        pair: teacher and student.
        outcomes: each stage, in order, with its outcome.
    """
    stage, outcome = outcomes[-1]
    trained, last = stage.trainer.student, outcome.last
    chosen = best_of(outcomes)
    best = None if chosen.student is last else chosen.student
    students = {"last": with_split(run, trained, last)}
    if best is not None:
        # Often the last epoch was the best one. Then one copy is evaluated.
        same = all(map(np.array_equal, best.variables, last.variables))
        students["best"] = (
            students["last"] if same else with_split(run, trained, best)
        )
    exported = "last"
    if best is not None and run.settings.export != "last":
        exported = "best"
    student = students[exported]
    save(run, {"student": student})
    if exported == "last" or chosen.phase == stage.name:
        save(run, stage.trainer.auxiliary_models)
    results = export_costs.of_student(
        pair.teacher, student, run.dataset, run.folder.saved_model
    )
    evaluated = {"roles": dict.fromkeys(("teacher", *students), {})}
    if run.settings.read_test:
        evaluated = run.task.evaluate(
            {"teacher": pair.teacher, **students},
            run.dataset,
            run.settings.session,
            # Those of the teacher, not those trained with the student.
            run.load_auxiliary_models(),
            exported=exported,
            folder=run.folder,
        )
    tested = evaluated.pop("roles")
    results["teacher"] |= tested["teacher"]
    results["student"] |= tested[exported] | {
        "exported": exported,
        "last_phase": stage.name,
        "last": _moment(last, stage.name, run.task, tested.get("last")),
        "best": _moment(best, chosen.phase, run.task, tested.get("best")),
        "stopped": outcome.stopped,
    }
    if keep := trained.facts.get("blocks"):  # A pruned teacher has all.
        kept = kept_blocks.numbers(pair.teacher, keep)
        results["student"]["blocks"] = kept
    results["advice"] = advice.of_curve(
        curves.read(run.folder.metrics),
        stage.name,
        examples=len(run.dataset.validation or ()),
    )
    return results | evaluated


@dataclasses.dataclass(frozen=True, kw_only=True)
class Best:
    """The best student of all phases.

    Args:
        model: the model that was trained.
        student: its variables after the best epoch.
        phase: the name of the stage.
    """

    model: keras.Model
    student: fit.Student
    phase: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """What the phases of a training left.

    Args:
        best: the best student of all phases.
        last: the student after the last epoch.
        last_phase: the name of the last phase.
        history: the metrics of each epoch by phase and name.
        spent: the budget of each phase by name; empty without a run folder.
    """

    best: Best
    last: fit.Student
    last_phase: str
    history: Mapping[str, Mapping[str, list[float]]]
    spent: Mapping[str, Mapping[str, Any]]


def best_of(outcomes: Sequence[tuple[stages.Stage, fit.Outcome]]) -> Best:
    """Returns the student with the best validation score of all stages.

    Stages that trained another model than the last stage do not count, nor do
    those of no epoch. Of equal scores the later one is chosen. Without
    validation it is the last student, the very object.

    Args:
        outcomes: each stage, in order, with its outcome.
    """
    last, outcome = outcomes[-1]
    model = last.trainer.student
    candidates = _best_of_stages(outcomes, model)
    if not candidates:
        return Best(model=model, student=outcome.last, phase=last.name)
    return max(
        reversed(candidates), key=lambda b: b.student.validation_accuracy
    )


def least_score(
    export: str,
    stage: stages.Stage,
    before: Sequence[tuple[stages.Stage, fit.Outcome]],
) -> float | None:
    """Returns the validation score below which a stage ends; None for none.

    Args:
        export: the setting; with "closest" a stage must not make the student
            worse.
        stage: the stage that begins.
        before: the earlier stages, in order, with their outcomes.
    """
    if export != "closest":
        return None
    candidates = _best_of_stages(before, stage.trainer.student)
    scores = (best.student.validation_accuracy for best in candidates)
    return max(scores, default=None)


def _best_of_stages(outcomes, model):
    """Returns the best student of each stage that trained a model."""
    return [
        Best(model=model, student=outcome.best, phase=stage.name)
        for stage, outcome in outcomes
        if stage.trainer.student is model and outcome.best is not None
    ]


def _moment(student, phase, task, tested):
    if student is None:
        return None
    return {
        "phase": phase,
        "epoch": student.epoch,
        task.validated: student.validation_accuracy,
        **tested,
    }


def save(run: Run, trained: Mapping[str, keras.Model]) -> None:
    """Saves models in the run folder, by role.

    A student of a teacher of KerasHub is saved as a model of the same class.
    """
    for name, model in trained.items():
        model = same_class.restored(model)
        model_files.save(model, run.folder.model(name))


def float32_copy(model: keras.Model, student: fit.Student) -> keras.Model:
    """Returns a float32 copy of a model with a student's variables."""
    copy = copying.copy_model(model, policy="float32")
    for variable, value in zip(copy.variables, student.variables, strict=True):
        variable.assign(value)
    return copy


def with_split(
    run: Run, model: keras.Model, student: fit.Student
) -> keras.Model:
    """Returns the model that a run saves: `float32_copy`, with its split."""
    copy = float32_copy(model, student)
    # The weights carry the split that they were trained on.
    split = {name: getattr(run.settings.data, name) for name in SPLIT_SETTINGS}
    copy.facts = {"data": run.dataset.fingerprint, **split}
    return copy
