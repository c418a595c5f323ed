"""Training of a student: the frozen teacher, the stages, cached outputs."""

from collections.abc import Iterator, Mapping

import keras

from lit_tf import data
from lit_tf.config import Compress, method_table
from lit_tf.data import batches
from lit_tf.experiment import build, padding_check
from lit_tf.experiment.tasks import TASKS
from lit_tf.methods import stages
from lit_tf.sections import copying
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.teacher import cache, cached_outputs, frozen
from lit_tf.training import devices


def freeze_pair(
    settings: Compress,
    teacher: SectionedModel,
    student: SectionedModel,
    dataset: data.Dataset,
) -> stages.Pair:
    """Freezes a trained teacher and returns the pair that a method trains.

    Raises:
        SettingsError: if batches of like length are set for a teacher that
            reads padding.
    """
    compute = settings.compute
    if dataset.buckets is not None:
        padding_check.check(teacher, dataset)
    with devices.strategy(compute.strategy).scope():
        dtype = frozen.dtype_for(student, settings.frozen.teacher_dtype)
        frozen_teacher = frozen.freeze(teacher, dtype)
    steps = batches.steps_per_epoch(dataset.train, settings.lit.batch_size)
    return stages.Pair(
        settings=settings,
        teacher=teacher,
        student=student,
        frozen=frozen_teacher,
        copy=lambda model: copying.copy_model(
            model,
            policy=compute.dtype,
            sync_batch_norm=compute.sync_batch_norm,
            thaw=True,
        ),
        new_student=lambda: build.new_student(settings, dataset, teacher),
        steps=settings.lit.total(steps),
    )


def training_stages(
    pair: stages.Pair,
    dataset: data.Dataset,
    auxiliary_models: Mapping[str, keras.Model],
) -> Iterator[stages.Stage]:
    """Yields the stages that train the student, under the run's strategy.

    Train each stage before the next is requested.
    """
    compute = pair.settings.compute
    strategy = devices.strategy(compute.strategy)
    with strategy.scope():
        remaining = TASKS[dataset.task].stages(pair, auxiliary_models)
    while True:
        with strategy.scope():
            stage = next(remaining, None)
        if stage is None:
            return
        stage.trainer.fast_layers = compute.fast_layers
        stage.trainer.recompute = compute.recompute
        if dataset.buckets is not None:
            stage.trainer.accept_lengths()
        yield stage


def teacher_cache(
    pair: stages.Pair, dataset: data.Dataset
) -> cache.TeacherCache:
    """Returns the cache of the outputs of a pair's teacher, not yet filled."""
    settings = pair.settings
    return cache.TeacherCache(
        pair.teacher,
        pair.frozen,
        dataset,
        settings.frozen,
        seed=settings.compute.seed,
        folder=settings.session.teacher_cache_folder,
        epochs=settings.lit.epochs + settings.fine_tune.epochs,
        representations=method_table.get(settings.method).compares,
    )


def check_room(
    settings: Compress,
    teacher: SectionedModel,
    student: SectionedModel,
    dataset: data.Dataset,
) -> None:
    """Checks before a teacher is trained that its outputs can be cached.

    Raises:
        DataError: if there is no room for them.
    """
    if settings.frozen.requires_cache:
        pair = freeze_pair(settings, teacher, student, dataset)
        teacher_cache(pair, dataset).check_room()


def cached(
    pair: stages.Pair, dataset: data.Dataset
) -> cached_outputs.CachedSplits | None:
    """Returns the teacher's cached outputs; None without a cache.

    Raises:
        DataError: if there is not enough space for them.
    """
    if pair.settings.frozen.teacher_cache == "off":
        return None
    return teacher_cache(pair, dataset).open()
