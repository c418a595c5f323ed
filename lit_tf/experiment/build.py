"""Data and models, built from their own groups of settings."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from lit_tf import config, data, errors, layers, models
from lit_tf.config import Architecture, Compress, Teach
from lit_tf.experiment import report_text, run_data, trained_models
from lit_tf.experiment.tasks import TASKS
from lit_tf.methods import method_checks, trainer
from lit_tf.sections import copying, inspection
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.sections.shrink import shrink
from lit_tf.training import devices, multi_worker, run_folder


def complete(settings: Teach | Compress) -> Teach | Compress:
    """Returns settings with the dataset named and the image size chosen.

    See `run_data.complete`, which reads the teacher's file, if any.
    Several workers join before: a process that has read a model cannot.
    """
    multi_worker.join(settings)
    teacher = getattr(settings, "teacher_weights", "")
    completed = run_data.complete(settings.data, settings.session, teacher)
    return dataclasses.replace(settings, data=completed)


def check_names(settings: Compress) -> None:
    """Refuses unknown architectures before anything is loaded.

    Raises:
        SettingsError: if teacher or student is not a known architecture.
    """
    models.get(settings.student, **settings.architecture.options)
    # The width is not checked: a teacher from a file has its own width.
    models.get(settings.teacher)


def load_dataset(
    settings: config.Data, session: config.Session
) -> data.Dataset:
    """Loads the dataset and prints its note, if any.

    Raises:
        SettingsError: if a split would be empty.
        DataError: if files are missing or damaged.
    """
    dataset = run_data.load(settings, session)
    if dataset.note:
        print(f"{dataset.name}: {dataset.note}", flush=True)
    return dataset


def load_run_dataset(
    settings: Teach | Compress, folder: run_folder.RunFolder
) -> data.Dataset:
    """Loads the dataset of a run, whose images are decoded as when it began.

    `--decoding=auto` would decode them otherwise once another run has stored
    their pixels, and the data would seem to be others.

    Args:
        settings: the settings of the run.
        folder: its folder, in which `origin` of the data is pinned.

    Raises:
        SettingsError: if a split would be empty.
        DataError: if files are missing or damaged.
    """
    chosen, began = settings.data, folder.pinned("decoding")
    if began:
        chosen = dataclasses.replace(chosen, decoding=began)
    return load_dataset(chosen, settings.session)


def origin(dataset: data.Dataset) -> dict[str, str]:
    """Returns the facts that a run folder keeps about its data."""
    decoding = {"decoding": dataset.decoding} if dataset.decoding else {}
    return {"data": dataset.fingerprint, **decoding}


def new_model(
    name: str,
    form: Mapping[str, Any],
    architecture: Architecture,
    compute: config.Compute,
) -> SectionedModel:
    """Builds an architecture with the run's seed, policy and strategy.

    Args:
        name: the architecture, such as "resnet20".
        form: shapes and stem arguments of the data (`Dataset.form`).
        architecture: width and cardinality.
        compute: seed, dtype policy and strategy.
    """
    with devices.strategy(compute.strategy).scope():
        # The seed is set here and not once per process, so that the weights do
        # not depend on what a resumed process skipped.
        keras.utils.set_random_seed(compute.seed)
        model = _architecture(name, form, architecture)
        return _under_policy(model, compute)


def pair(
    settings: Compress,
    dataset: data.Dataset,
    blocks: Sequence[int] | None = None,
) -> tuple[SectionedModel, SectionedModel]:
    """Returns the teacher, in float32, and the new student.

    Without `teacher_weights` the teacher is new and not yet trained.

    Args:
        settings: the settings of the compression.
        dataset: the dataset.
        blocks: number of blocks that the student keeps in each section, as
            chosen by an earlier process of this run; None to choose them now.
            Two measurements of a latency may lead to different choices.

    Raises:
        SettingsError: if teacher, student and data do not fit each other.
        DataError: if the teacher's file is missing or damaged.
    """
    if settings.teacher_weights:
        teacher = trained_models.load_teacher(
            settings.teacher_weights,
            dataset,
            name=settings.teacher,
            architecture=settings.architecture,
            cuts=settings.shrink.cuts,
            sections=settings.shrink.sections,
        )
    TASKS[dataset.task].check(settings, dataset)
    if not settings.teacher_weights:
        teacher = _architecture(
            settings.teacher, dataset.form, settings.architecture
        )
    student = new_student(settings, dataset, teacher, blocks)
    try:
        method_checks.check(
            settings, teacher, student, TASKS[dataset.task].outputs
        )
    except errors.SettingsError as error:
        named = (
            settings.shrink.requested or settings.student != Compress.student
        )
        if named or not settings.teacher_weights:
            raise
        raise errors.SettingsError(
            f"{error} Make the student from the teacher's own blocks, for "
            "example with --compression=2; lit-plan lists what is possible."
        ) from error
    return teacher, student


def new_student(
    settings: Compress,
    dataset: data.Dataset,
    teacher: SectionedModel,
    blocks: Sequence[int] | None = None,
) -> SectionedModel:
    """Returns a new student: an architecture by name, or a shrunk teacher.

    Args:
        settings: the settings of the compression.
        dataset: the dataset.
        teacher: the teacher, float32.
        blocks: number of blocks that the student keeps in each section; None
            to choose them.
    """
    compute, shrinking = settings.compute, settings.shrink
    if not shrinking.requested:
        # A teacher from elsewhere may normalize differently from the dataset.
        # The student normalizes like its teacher.
        form = dataset.form | inspection.normalization(teacher)
        return new_model(settings.student, form, settings.architecture, compute)
    keep, compression = shrinking.keep, shrinking.compression
    if blocks and compression:
        keep, compression = tuple(blocks), 0.0
    with devices.strategy(compute.strategy).scope():
        keras.utils.set_random_seed(compute.seed)
        student = shrink(
            teacher,
            keep=keep,
            compression=compression,
            of=shrinking.compression_of,
        )
        return _under_policy(student, compute)


def teacher_trainer(
    name: str,
    dataset: data.Dataset,
    *,
    architecture: Architecture,
    adversarial: config.Adversarial,
    compute: config.Compute,
) -> trainer.Trainer:
    """Returns the trainer of phase `teach`, with a new teacher.

    Args:
        name: the architecture of the teacher.
        dataset: the dataset.
        architecture: width and cardinality.
        adversarial: settings of a generator's training.
        compute: seed, dtype policy and strategy.
    """
    task = TASKS[dataset.task]
    model = new_model(name, dataset.form, architecture, compute)
    auxiliary_models = new_auxiliary_models(dataset, adversarial, compute)
    with devices.strategy(compute.strategy).scope():
        model = task.teacher_trainer(
            model, auxiliary_models, adversarial, seed=compute.seed
        )
    model.fast_layers = compute.fast_layers
    model.recompute = compute.recompute
    return model


def new_auxiliary_models(
    dataset: data.Dataset,
    adversarial: config.Adversarial,
    compute: config.Compute,
) -> dict[str, keras.Model]:
    """Returns new models that are trained with a teacher, by name."""
    with devices.strategy(compute.strategy).scope():
        keras.utils.set_random_seed(compute.seed)
        task = TASKS[dataset.task]
        return task.new_auxiliary_models(dataset, adversarial)


def load_auxiliary_models(
    dataset: data.Dataset, compute: config.Compute, *, path: str, near: str
) -> dict[str, keras.Model]:
    """Loads the models that belong to a teacher, such as a discriminator.

    Args:
        dataset: the dataset, which determines their shapes.
        compute: the strategy.
        path: the file that the settings name; "" to look near the teacher.
        near: the teacher's file or run folder.

    Raises:
        DataError: if a file is missing or damaged.
    """
    with devices.strategy(compute.strategy).scope():
        task = TASKS[dataset.task]
        return task.load_auxiliary_models(dataset, path=path, near=near)


def describe(
    settings: Compress, teacher: SectionedModel, student: SectionedModel
) -> str:
    """Returns a table of the parts of both models and their training."""
    ends, sections = method_checks.describe_training(settings)
    text = report_text.sections(teacher, student, ends=ends, sections=sections)
    if not settings.compute.fast_layers:
        return text
    return f"{text}\n\n{layers.FastLayers([student]).describe()}".rstrip()


def _architecture(name, form, architecture):
    # The settings of the run determine the dtype, not those of Keras.
    with layers.pinned("float32"):
        return models.get(name, **architecture.options)(**form)


def _under_policy(model, compute):
    # New models are float32 and do not synchronise BatchNorm.
    if compute.dtype == "float32" and not compute.sync_batch_norm:
        return model
    return copying.copy_model(
        model, policy=compute.dtype, sync_batch_norm=compute.sync_batch_norm
    )
