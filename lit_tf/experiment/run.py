"""The paper, in order: teach, then compress."""

import time
from typing import Any

import numpy as np

from lit_tf import data, errors, models
from lit_tf.config import Compress, Teach, flatten, teacher_settings
from lit_tf.experiment import (
    budget,
    build,
    curves,
    export_report,
    report,
    tasks,
)
from lit_tf.sections import sectioned_model
from lit_tf.training import fit, multi_worker, run_folder

_SPLIT = ("dataset", "validation_fraction", "split_seed")


def teach(config: Teach, *, command: str = "") -> dict[str, Any]:
    """Trains a teacher from labels alone and leaves its run folder.

    Args:
        config: the settings.
        command: the command line, for the report.

    Returns:
        The report, as in `report.json`.
    """
    with multi_worker.in_step(build.resolved(config)) as config:
        return _teach(config, command)


def compress(
    config: Compress,
    *,
    command: str = "",
    dataset: data.Dataset | None = None,
) -> dict[str, Any]:
    """Trains a student with LIT, fine-tunes it, exports and reports it.

    Args:
        config: the settings.
        command: the command line, for the report.
        dataset: what is learned from, in place of what the settings name; of
            `data.collected`, for instance.

    Returns:
        The report, as in `report.json`.
    """
    if dataset is None:
        config = build.resolved(config)
    with multi_worker.in_step(config) as config:
        return _compress(config, command, dataset)


def _teach(config, command, *, dataset=None, read_test=True):
    models.get(config.teacher, **config.architecture.options)
    with run_folder.opened(config, command=command) as folder:
        if folder.finished:
            return report.repeat(folder)
        dataset = dataset or build.dataset(config)
        folder.settle(data=dataset.fingerprint)
        teaching = build.teaching(config, dataset)
        task = tasks.TASKS[dataset.task]
        outcome = fit.run(
            "teach",
            teaching,
            dataset,
            config.teach,
            folder,
            how=config.run,
            session=config.session,
            hparams=flatten.identity(config),
            extra_callbacks=task.extra_callbacks,
        )
        chosen = outcome.best or outcome.last
        teacher = _at(teaching.student, chosen, dataset, config)
        sectioned_model.save(teacher, folder.model("teacher"))
        for name, model in teaching.auxiliary_models.items():
            sectioned_model.save(model, folder.model(name))
        facts = export_report.of_teacher(teacher, dataset, folder.saved_model)
        judged = {}
        if read_test:
            judged = task.evaluate(
                {"teacher": teacher},
                dataset,
                config.session,
                teaching.auxiliary_models,
                folder=folder,
            )
            facts |= judged.pop("roles")["teacher"]
        facts["validation_accuracy"] = chosen.validation_accuracy
        facts["epoch"] = chosen.epoch
        curves.curves(folder.metrics, folder.curves, task.CURVES, teacher=None)
        results = {
            "teacher": facts,
            **judged,
            "wall_seconds": {"teach": outcome.seconds},
            **_circumstances(config, command, dataset),
        }
        text = report.teacher_text(results, task.lines(results))
        return report.leave(folder, results, text)


def _compress(config, command, dataset=None):
    models.get(config.student, **config.architecture.options)
    # One that is read from a file has its own width.
    models.get(config.teacher)
    with run_folder.opened(config, command=command) as folder:
        if folder.finished:
            return report.repeat(folder)
        dataset = dataset or build.dataset(config)
        # Whether they line up is known, and shown, before anything is trained.
        kept = folder.settled("blocks")
        teacher, student = build.pair(config, dataset, kept)
        print(
            f"{teacher.name} → {student.name} on {dataset.name}, in "
            f"{folder.path}/\n\n{build.shown(config, teacher, student)}\n",
            flush=True,
        )
        wall = {}
        teacher = _taught(teacher, config, command, dataset, folder, wall)
        folder.settle(
            data=dataset.fingerprint,
            teacher=sectioned_model.fingerprint(teacher),
        )
        if config.shrink.asked:
            folder.settle(blocks=student.facts["blocks"])
        task = tasks.TASKS[dataset.task]
        taught = "" if config.teacher_weights else str(folder.teacher)
        auxiliary_models = build.auxiliary_models(config, dataset, taught)
        pair = build.freeze(config, teacher, student, dataset)
        accuracy, note = _validate_teacher(pair, dataset, auxiliary_models)

        stage, outcome, spent = _trained(
            pair, dataset, auxiliary_models, folder, accuracy
        )
        wall |= {name: phase["seconds"] for name, phase in spent.items()}
        started = time.monotonic()
        results = _proven(pair, stage, outcome, dataset, folder, taught)
        results["teacher"] |= {
            "validation_accuracy": accuracy,
            "validation_note": note,
        }
        curves.curves(
            folder.metrics, folder.curves, task.CURVES, teacher=accuracy
        )
        wall["report"] = time.monotonic() - started
        results |= {
            "budget": budget.together(spent),
            "wall_seconds": wall,
            **_circumstances(config, command, dataset),
        }
        said = ["The test split was not read (--noread_test)."]
        if config.read_test:
            said = task.lines(results)
        return report.leave(folder, results, report.text(results, said))


def _trained(pair, dataset, auxiliary_models, folder, accuracy):
    """Trains a student: phase lit, then phase fine_tune with a new optimiser.

    Who trains in them, and what, is the method's.

    Args:
        pair: as `assemble.freeze` has it.
        dataset: that is learned.
        beside: what lies beside the teacher.
        folder: the run's.
        accuracy: the teacher's on validation, the line to reach.

    Returns:
        The last stage, its outcome, and by name what each stage took.
    """
    config, spent = pair.config, {}
    answers = build.answers(pair, dataset)
    for stage in build.stages(pair, dataset, auxiliary_models):
        settings = getattr(config, stage.phase)
        outcome = fit.run(
            stage.name,
            stage.trainer,
            dataset,
            settings,
            folder,
            how=config.run,
            session=config.session,
            hparams=flatten.identity(config),
            extra_callbacks=tasks.TASKS[dataset.task].extra_callbacks,
            teacher_accuracy=accuracy,
            answers=answers,
        )
        spent[stage.name] = budget.of(
            stage.trainer,
            dataset,
            settings,
            seconds=outcome.seconds,
            views=fit.read_by(stage.trainer, answers).train,
        )
    return stage, outcome, spent


def _proven(pair, stage, outcome, dataset, folder, taught):
    """Saves what was trained, and returns how good it is and what it costs.

    The student is chosen on validation, and only then the test is read.
    """
    config, task = pair.config, tasks.TASKS[dataset.task]
    moments = {"last": outcome.last, "best": outcome.best}
    students = {
        which: _at(stage.trainer.student, one, dataset, config)
        for which, one in moments.items()
        if one
    }
    exported = config.export if config.export in students else "last"
    sectioned_model.save(students[exported], folder.model("student"))
    for name, model in stage.trainer.auxiliary_models.items():
        sectioned_model.save(model, folder.model(name))
    results = export_report.of_student(
        pair.teacher, students[exported], dataset, folder.saved_model
    )
    judged = {"roles": dict.fromkeys(("teacher", *students), {})}
    if config.read_test:
        judged = task.evaluate(
            {"teacher": pair.teacher, **students},
            dataset,
            config.session,
            # As the teacher left it, whatever was trained since.
            build.auxiliary_models(config, dataset, taught),
            exported=exported,
            folder=folder,
        )
    tested = judged.pop("roles")
    results["teacher"] |= tested["teacher"]
    results["student"] |= tested[exported] | {
        "exported": exported,
        "last_phase": stage.name,
    }
    for which, one in moments.items():
        results["student"][which] = one and {
            "epoch": one.epoch,
            "validation_accuracy": one.validation_accuracy,
            **tested[which],
        }
    return results | judged


def _taught(teacher, config, command, dataset, folder, wall):
    """Returns the teacher in float32, having taught it where it was new."""
    if config.teacher_weights:
        return teacher
    results = _teach(
        teacher_settings(config, workdir=str(folder.teacher)),
        command,
        dataset=dataset,
        read_test=False,
    )
    wall |= results["wall_seconds"]
    print()
    return sectioned_model.load(
        run_folder.RunFolder(folder.teacher).model("teacher")
    )


def _validate_teacher(pair, dataset, auxiliary_models):
    """Measures the teacher, as it is asked, before anything is trained."""
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
    task = tasks.TASKS[dataset.task]
    accuracy = task.validate_teacher(
        pair.frozen, split, dataset, auxiliary_models
    )
    print(
        f"teacher   {accuracy:.2%}{task.ACCURACY} on {where}. {note}",
        flush=True,
    )
    least = pair.config.min_teacher_accuracy
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
    return f"its own were those of {' '.join(known)}"


def _at(model, moment, dataset, config):
    """Returns a float32 model with the weights of a moment."""
    for variable, value in zip(model.variables, moment.variables, strict=True):
        variable.assign(value)
    still = sectioned_model.with_policy(model, "float32")
    # What it was taught on travels with the weights.
    split = {name: getattr(config.data, name) for name in _SPLIT}
    still.facts = {"data": dataset.fingerprint, **split}
    return still


def _circumstances(config, command, dataset):
    return {
        "command": command,
        "settings": flatten.flatten(config),
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
