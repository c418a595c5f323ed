"""The paper, in order: teach a teacher, then compress it."""

import dataclasses
import time
from typing import Any

from lit_tf import data, errors, models
from lit_tf.config import Compress, Teach, teacher_settings
from lit_tf.data import graph_errors
from lit_tf.experiment import (
    auto_cache,
    budget,
    build,
    class_names,
    curves,
    planned_epochs,
    report,
    report_text,
    run_data,
    stage_loop,
    student_training,
)
from lit_tf.experiment.context import Run
from lit_tf.experiment.results import (
    save,
    student_results,
    teacher_results,
    with_split,
)
from lit_tf.experiment.teacher_check import check_teacher, complete_accuracy
from lit_tf.sections import model_files, sectioned_model
from lit_tf.training import begun_run, fit, multi_worker, run_folder
from lit_tf.training.schedule import Schedule


@graph_errors.translated()
def teach(settings: Teach, *, command: str = "") -> dict[str, Any]:
    """Trains a teacher from labels alone and writes its run folder.

    Args:
        settings: the settings.
        command: the command line, for the report.

    Returns:
        The report, as in `report.json`.
    """
    with multi_worker.in_step(settings) as settings:
        settings = begun_run.as_begun(settings)
        return _teach(build.complete(settings), command)


@graph_errors.translated()
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
    settings = planned_epochs.with_own_epochs(settings)
    with multi_worker.in_step(settings) as settings:
        settings = begun_run.as_begun(settings)
        # It may load the teacher, and a process joins the others before
        # TensorFlow computes anything.
        if dataset is None:
            settings = build.complete(settings)
        return _compress(settings, command, dataset)


def _teach(settings, command, *, dataset=None, read_test=True):
    models.get(settings.teacher, **settings.architecture.options)
    with run_folder.opened(settings, command=command) as folder:
        if folder.finished:
            return report.repeat(folder)
        run = _new_run(settings, command, dataset, folder)
        run.folder.pin(**build.origin(run.dataset))
        run.task.check(settings, run.dataset)
        if settings.teach.label_smoothing:
            run.task.outputs.smoothed(settings.teach.label_smoothing)
        model = build.teacher_trainer(
            settings.teacher,
            run.dataset,
            architecture=settings.architecture,
            adversarial=settings.adversarial,
            compute=settings.compute,
        )
        # Only students are checked to compute texts of several lengths.
        whole = dataclasses.replace(run.dataset, buckets=None)
        schedule = Schedule(model, whole, settings.teach)
        outcome = fit.run_phase(
            "teach",
            model,
            schedule,
            folder,
            compute=settings.compute,
            session=settings.session,
            hparams=run.hparams,
            extra_callbacks=run.task.extra_callbacks,
        )
        chosen = outcome.best or outcome.last
        teacher = with_split(run, model.student, chosen)
        save(run, {"teacher": teacher, **model.auxiliary_models})
        facts, rest = teacher_results(
            run, teacher, model.auxiliary_models, read_test=read_test
        )
        facts["validation_accuracy"] = chosen.validation_accuracy
        facts["epoch"] = chosen.epoch
        curves.draw(
            folder.metrics, folder.curves, run.task.curves, teacher=None
        )
        results = {
            "teacher": facts,
            **rest,
            "wall_seconds": {"teach": outcome.seconds},
            **run.circumstances(),
        }
        text = report_text.of_teacher(results, run.task.report_lines(results))
        return report.write(folder, results, text)


def _compress(settings, command, dataset):
    build.check_names(settings)
    with run_folder.opened(settings, command=command) as folder:
        if folder.finished:
            return report.repeat(folder)
        run = _new_run(settings, command, dataset, folder)
        planned_epochs.check_warm_up(settings, run.dataset)
        # Teacher and student are checked, and shown, before any training.
        blocks = folder.pinned("blocks")
        teacher, student = build.pair(settings, run.dataset, blocks)
        print(
            f"{teacher.name} → {student.name} on {run.dataset.name}, in "
            f"{folder.path}/\n\n{build.describe(settings, teacher, student)}\n",
            flush=True,
        )
        wall = {}
        if not settings.teacher_weights:
            teacher, wall = _train_teacher(run, teacher, student)
        folder.pin(
            **build.origin(run.dataset),
            teacher=sectioned_model.fingerprint(teacher),
        )
        if settings.shrink.requested:
            folder.pin(blocks=student.facts["blocks"])
        auxiliary_models = run.load_auxiliary_models()
        pair = student_training.freeze_pair(
            settings, teacher, student, run.dataset
        )
        accuracy, note = check_teacher(run, pair, auxiliary_models)
        pair = planned_epochs.fitted(
            pair, run.dataset, auxiliary_models, folder
        )
        pair = auto_cache.decided(pair, run.dataset, auxiliary_models, folder)
        run = dataclasses.replace(run, settings=pair.settings)

        outcomes, spent = stage_loop.train(
            pair,
            run.dataset,
            auxiliary_models,
            folder,
            hparams=run.hparams,
            extra_callbacks=run.task.extra_callbacks,
            teacher_accuracy=accuracy,
        )
        wall |= {name: phase["seconds"] for name, phase in spent.items()}
        started = time.monotonic()
        accuracy = complete_accuracy(run, pair, auxiliary_models, accuracy)
        results = student_results(run, pair, outcomes)
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
            **run.circumstances(),
        }
        lines = ["The test split was not read (--noread_test)."]
        if settings.read_test:
            lines = run.task.report_lines(results)
        text = report_text.of_compression(results, lines)
        return report.write(folder, results, text)


def _new_run(settings, command, dataset, folder):
    if dataset is None:
        dataset = build.load_run_dataset(settings, folder)
        run_data.save_preprocessor(settings.data, folder.preprocessor)
    errors.require(
        not settings.data.length_buckets or dataset.buckets is not None,
        "`length_buckets` is for a dataset that the settings name.",
        length_buckets=settings.data.length_buckets,
    )
    class_names.save(dataset, folder.classes)
    return Run(
        settings=settings, command=command, dataset=dataset, folder=folder
    )


def _train_teacher(run, teacher, student):
    """Returns the trained teacher, in float32, and its wall-clock seconds.

    Args:
        run: the run.
        teacher: a new teacher.
        student: the student that it is to teach.
    """
    folder = run_folder.RunFolder(run.folder.teacher)
    if not folder.finished:
        student_training.check_room(run.settings, teacher, student, run.dataset)
    results = _teach(
        teacher_settings(run.settings, workdir=str(folder.path)),
        run.command,
        dataset=run.dataset,
        read_test=False,
    )
    print()
    teacher = model_files.load(folder.model("teacher"))
    return teacher, dict(results["wall_seconds"])
