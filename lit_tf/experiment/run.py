"""The paper, in order: teach a teacher, then compress it."""

import dataclasses
import time
from typing import Any

import keras
import numpy as np

from lit_tf import data, errors, models
from lit_tf.config import Compress, Phase, Teach, flatten, teacher_settings
from lit_tf.experiment import budget, build, curves, export_report, report
from lit_tf.experiment.tasks import TASKS, Task
from lit_tf.methods import stages, trainer
from lit_tf.sections import sectioned_model
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.teacher import cached_outputs
from lit_tf.training import fit, multi_worker, run_folder
from lit_tf.training.schedule import Schedule

_SPLIT = ("dataset", "validation_fraction", "split_seed")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a command: its settings, data and folder, fixed at its start.

    Args:
        settings: the settings.
        command: the command line, for the report.
        dataset: the dataset.
        folder: the open run folder.
    """

    settings: Teach | Compress
    command: str
    dataset: data.Dataset
    folder: run_folder.RunFolder

    @property
    def task(self) -> Task:
        """The task of the dataset."""
        return TASKS[self.dataset.task]


def teach(settings: Teach, *, command: str = "") -> dict[str, Any]:
    """Trains a teacher from labels alone and writes its run folder.

    Args:
        settings: the settings.
        command: the command line, for the report.

    Returns:
        The report, as in `report.json`.
    """
    with multi_worker.in_step(build.complete(settings)) as settings:
        return _teach(settings, command)


def compress(
    settings: Compress,
    *,
    command: str = "",
    dataset: data.Dataset | None = None,
) -> dict[str, Any]:
    """Trains a student with LIT, fine-tunes it, exports and reports it.

    Args:
        settings: the settings.
        command: the command line, for the report.
        dataset: a dataset that replaces the one that the settings name, for
            instance from `data.collected`.

    Returns:
        The report, as in `report.json`.
    """
    if dataset is None:
        settings = build.complete(settings)
    with multi_worker.in_step(settings) as settings:
        return _compress(settings, command, dataset)


def _teach(settings, command, *, dataset=None, read_test=True):
    models.get(settings.teacher, **settings.architecture.options)
    with run_folder.opened(settings, command=command) as folder:
        if folder.finished:
            return report.repeat(folder)
        run = _start(settings, command, dataset, folder)
        run.folder.pin(data=run.dataset.fingerprint)
        run.task.check(settings, run.dataset)
        model = build.teacher_trainer(
            settings.teacher,
            run.dataset,
            architecture=settings.architecture,
            adversarial=settings.adversarial,
            compute=settings.compute,
        )
        outcome = _train(run, "teach", model, settings.teach)
        chosen = outcome.best or outcome.last
        teacher = _float32_copy(run, model.student, chosen)
        _save(run, {"teacher": teacher, **model.auxiliary_models})
        facts, results = _report_teacher(
            run, teacher, model.auxiliary_models, read_test=read_test
        )
        facts["validation_accuracy"] = chosen.validation_accuracy
        facts["epoch"] = chosen.epoch
        curves.draw(
            folder.metrics, folder.curves, run.task.curves, teacher=None
        )
        results = {
            "teacher": facts,
            **results,
            "wall_seconds": {"teach": outcome.seconds},
            **_circumstances(run),
        }
        text = report.teacher_text(results, run.task.report_lines(results))
        return report.write(folder, results, text)


def _compress(settings, command, dataset):
    build.check_names(settings)
    with run_folder.opened(settings, command=command) as folder:
        if folder.finished:
            return report.repeat(folder)
        run = _start(settings, command, dataset, folder)
        # Teacher and student are checked, and shown, before any training.
        blocks = folder.pinned("blocks")
        teacher, student = build.pair(settings, run.dataset, blocks)
        print(
            f"{teacher.name} → {student.name} on {run.dataset.name}, in "
            f"{folder.path}/\n\n{describe(settings, teacher, student)}\n",
            flush=True,
        )
        wall = {}
        if not settings.teacher_weights:
            teacher, wall = _train_teacher(run)
        folder.pin(
            data=run.dataset.fingerprint,
            teacher=sectioned_model.fingerprint(teacher),
        )
        if settings.shrink.requested:
            folder.pin(blocks=student.facts["blocks"])
        auxiliary_models = _auxiliary_models(run)
        pair = build.start(settings, teacher, student, run.dataset)
        accuracy, note = _validate_teacher(run, pair, auxiliary_models)

        stage, outcome, spent = _train_student(
            run, pair, auxiliary_models, accuracy
        )
        wall |= {name: phase["seconds"] for name, phase in spent.items()}
        started = time.monotonic()
        results = _report_student(run, pair, stage, outcome)
        results["teacher"] |= {
            "validation_accuracy": accuracy,
            "validation_note": note,
        }
        curves.draw(
            folder.metrics, folder.curves, run.task.curves, teacher=accuracy
        )
        results |= {
            "budget": budget.total(spent),
            "wall_seconds": wall | {"report": time.monotonic() - started},
            **_circumstances(run),
        }
        lines = ["The test split was not read (--noread_test)."]
        if settings.read_test:
            lines = run.task.report_lines(results)
        return report.write(folder, results, report.text(results, lines))


def describe(
    settings: Compress, teacher: SectionedModel, student: SectionedModel
) -> str:
    """Returns a table of the parts of both models and their training."""
    ends, sections = stages.describe_training(settings)
    return report.sections(teacher, student, ends=ends, sections=sections)


def validate_teacher(
    pair: stages.Pair,
    split: data.Split,
    dataset: data.Dataset,
    auxiliary_models: dict[str, keras.Model],
    *,
    where: str,
) -> float:
    """Returns a frozen teacher's accuracy on a split, and prints it.

    Args:
        pair: teacher and student.
        split: the examples.
        dataset: the dataset.
        auxiliary_models: the models that belong to the teacher.
        where: the split in words, such as "validation examples".
    """
    task = TASKS[dataset.task]
    accuracy = task.teacher_accuracy(
        pair.frozen, split, dataset, auxiliary_models
    )
    print(f"teacher   {accuracy:.2%}{task.accuracy_of} on {where}", flush=True)
    return accuracy


def _start(settings, command, dataset, folder):
    if dataset is None:
        dataset = build.load_dataset(settings.data, settings.session)
    return Run(
        settings=settings, command=command, dataset=dataset, folder=folder
    )


def _train_teacher(run):
    """Returns the trained teacher, in float32, and its wall-clock seconds."""
    folder = run_folder.RunFolder(run.folder.teacher)
    results = _teach(
        teacher_settings(run.settings, workdir=str(folder.path)),
        run.command,
        dataset=run.dataset,
        read_test=False,
    )
    print()
    teacher = sectioned_model.load(folder.model("teacher"))
    return teacher, dict(results["wall_seconds"])


def _auxiliary_models(run):
    """Loads the models that belong to the run's trained teacher."""
    return build.load_auxiliary_models(
        run.dataset,
        run.settings.compute,
        path=run.settings.discriminator_weights,
        near=run.settings.teacher_weights or str(run.folder.teacher),
    )


def _validate_teacher(run, pair, auxiliary_models):
    """Measures the frozen teacher's accuracy before the student is trained.

    Returns:
        Its accuracy on validation, None without a split; and a note on whether
        the teacher may have seen the validation examples.

    Raises:
        SettingsError: if the accuracy is below `min_teacher_accuracy`.
    """
    dataset = run.dataset
    split, where = dataset.validation, "validation examples"
    note = "The teacher was not trained on the validation examples."
    if split is None:
        split = dataset.train.take(np.arange(min(2000, len(dataset.train))))
        where = f"the first {len(split):,} training examples"
        note = (
            "There is no validation split: only the last student is reported."
        )
    elif pair.teacher.facts.get("data") != dataset.fingerprint:
        note = (
            "The teacher's training may have seen the validation examples "
            f"({_split_of(pair.teacher)})."
        )
    accuracy = validate_teacher(
        pair, split, dataset, auxiliary_models, where=f"{where}. {note}"
    )
    least = run.settings.min_teacher_accuracy
    if accuracy < least:
        raise errors.SettingsError(
            f"The teacher must reach --min_teacher_accuracy={least} on "
            f"{where}. Received: {accuracy:.4f}."
        )
    return (None if dataset.validation is None else accuracy), note


def _split_of(teacher):
    known = [f"--{n}={teacher.facts[n]}" for n in _SPLIT if n in teacher.facts]
    if not known:
        return "how its data were split is unknown"
    return f"its own split was {' '.join(known)}"


def _train_student(run, pair, auxiliary_models, teacher_accuracy):
    """Trains the student through the stages of its method.

    Args:
        run: the run.
        pair: teacher and student.
        auxiliary_models: the models that belong to the teacher.
        teacher_accuracy: the teacher's accuracy on validation, or None.

    Returns:
        The last stage, its outcome, and the budget of each stage by name.
    """
    spent = {}
    cached = build.cached(pair, run.dataset)
    for stage in build.training_stages(pair, run.dataset, auxiliary_models):
        phase = getattr(run.settings, stage.phase)
        outcome = _train(
            run,
            stage.name,
            stage.trainer,
            phase,
            teacher_accuracy=teacher_accuracy,
            cached=cached,
        )
        schedule = Schedule(
            stage.trainer,
            run.dataset,
            phase,
            cached=fit.outputs_read_by(stage.trainer, cached),
        )
        spent[stage.name] = budget.phase_budget(
            stage.trainer, schedule, seconds=outcome.seconds
        )
    return stage, outcome, spent


def _train(
    run: Run,
    name: str,
    model: trainer.Trainer,
    phase: Phase,
    *,
    teacher_accuracy: float | None = None,
    cached: cached_outputs.CachedSplits | None = None,
) -> fit.Outcome:
    """Trains one phase in the run's folder."""
    return fit.run_phase(
        name,
        model,
        run.dataset,
        phase,
        run.folder,
        compute=run.settings.compute,
        session=run.settings.session,
        hparams=flatten.identity(run.settings),
        extra_callbacks=run.task.extra_callbacks,
        teacher_accuracy=teacher_accuracy,
        cached=cached,
    )


def _report_teacher(run, teacher, auxiliary_models, *, read_test):
    """Exports a teacher; returns its facts and the rest of the report."""
    facts = export_report.of_teacher(
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


def _report_student(run, pair, stage, outcome):
    """Saves and exports the student; returns its costs and its accuracy.

    The student is chosen on validation; only then is the test split read.
    """
    students = {
        which: _float32_copy(run, stage.trainer.student, student)
        for which, student in (("last", outcome.last), ("best", outcome.best))
        if student
    }
    exported = run.settings.export
    exported = exported if exported in students else "last"
    student = students[exported]
    _save(run, {"student": student, **stage.trainer.auxiliary_models})
    results = export_report.of_student(
        pair.teacher, student, run.dataset, run.folder.saved_model
    )
    evaluated = {"roles": dict.fromkeys(("teacher", *students), {})}
    if run.settings.read_test:
        evaluated = run.task.evaluate(
            {"teacher": pair.teacher, **students},
            run.dataset,
            run.settings.session,
            # Those of the teacher, not those trained with the student.
            _auxiliary_models(run),
            exported=exported,
            folder=run.folder,
        )
    tested = evaluated.pop("roles")
    results["teacher"] |= tested["teacher"]
    results["student"] |= tested[exported] | {
        "exported": exported,
        "last_phase": stage.name,
        "last": _moment(outcome.last, tested.get("last")),
        "best": _moment(outcome.best, tested.get("best")),
    }
    return results | evaluated


def _moment(student, tested):
    if student is None:
        return None
    return {
        "epoch": student.epoch,
        "validation_accuracy": student.validation_accuracy,
        **tested,
    }


def _save(run, trained):
    for name, model in trained.items():
        sectioned_model.save(model, run.folder.model(name))


def _float32_copy(run, model, student):
    """Returns a float32 copy of a model with a student's variables."""
    copy = sectioned_model.with_policy(model, "float32")
    for variable, value in zip(copy.variables, student.variables, strict=True):
        variable.assign(value)
    # The weights carry the split that they were trained on.
    split = {name: getattr(run.settings.data, name) for name in _SPLIT}
    copy.facts = {"data": run.dataset.fingerprint, **split}
    return copy


def _circumstances(run):
    dataset = run.dataset
    return {
        "command": run.command,
        "settings": flatten.flatten(run.settings),
        "data": {
            "name": dataset.name,
            "fingerprint": dataset.fingerprint,
            "note": dataset.note,
            "train": len(dataset.train),
            "validation": len(dataset.validation or ()),
            "test": len(dataset.test),
        },
        "hardware": report.hardware(),
        "versions": run_folder.versions(),
    }
