"""From settings to what is trained: the data, the models, the trainers."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import keras

from lit_tf import data, models
from lit_tf.config import Compress, Teach, methods
from lit_tf.data import batches
from lit_tf.experiment import report, saved_models, tasks
from lit_tf.methods import trainer
from lit_tf.methods.stages import Pair, Stage, check, describe_training
from lit_tf.sections import sectioned_model
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.sections.shrink import shrink
from lit_tf.teacher import cache, cached_outputs, frozen
from lit_tf.training import devices


def resolved(
    config: Teach | Compress,
) -> Teach | Compress:
    """Returns settings that leave nothing open about the data.

    As `saved.fitted` has it, for the teacher that is named.
    """
    model = getattr(config, "teacher_weights", "")
    settings = saved_models.fitted(config.data, config.session, model)
    return dataclasses.replace(config, data=settings)


def dataset(config: Teach | Compress) -> data.Dataset:
    """Loads the data set, and says what it is if it has a word to say.

    Raises:
        DataError: its files are missing or damaged.
        SettingsError: a split would be empty.
    """
    loaded = data.load(
        config.data,
        data_dir=config.session.data_dir,
        download=config.session.download,
    )
    if loaded.note:
        print(f"{loaded.name}: {loaded.note}", flush=True)
    return loaded


def pair(
    config: Compress,
    loaded: data.Dataset,
    blocks: Sequence[int] | None = None,
) -> tuple[SectionedModel, SectionedModel]:
    """Returns the teacher, in float32, and the student-to-be.

    The teacher is the one that was named, or one that is yet to be taught.

    Args:
        config: the settings.
        loaded: the data.
        blocks: of each section, how many the student keeps, where that was
            found before and is not to be found anew: a latency is never
            measured twice alike.

    Raises:
        SettingsError: they do not line up, or the teacher is of other data.
        DataError: the teacher's file is missing or damaged.
    """
    if blocks and config.shrink.compression:
        config = dataclasses.replace(
            config,
            shrink=dataclasses.replace(
                config.shrink, compression=0.0, keep=tuple(blocks)
            ),
        )
    if config.teacher_weights:
        teacher = saved_models.teacher(config, loaded)
    else:
        options = config.architecture.options
        teacher = models.get(config.teacher, **options)(**loaded.form)
    with devices.strategy(config.run.strategy).scope():
        student = _student(config, loaded, teacher)
    tasks.TASKS[loaded.task].check(config, loaded)
    check(config, teacher, student)
    return teacher, student


def shown(
    config: Compress,
    teacher: SectionedModel,
    student: SectionedModel,
) -> str:
    """Returns the parts of both, and what becomes of them in phase lit."""
    ends, sections = describe_training(config)
    return report.sections(teacher, student, ends=ends, sections=sections)


def teaching(config: Teach | Compress, loaded: data.Dataset) -> trainer.Trainer:
    """Returns the trainer of phase `teach`, on a new teacher."""
    with devices.strategy(config.run.strategy).scope():
        model = _build(config.teacher, loaded.form, config)
        task = tasks.TASKS[loaded.task]
        task.check(config, loaded)
        auxiliary_models = _new_auxiliary_models(config, loaded)
        return task.teaching(config, model, auxiliary_models)


def auxiliary_models(
    config: Compress, loaded: data.Dataset, taught: str = ""
) -> dict[str, keras.Model]:
    """Returns what lies beside the teacher, by name (see `tasks`).

    Args:
        config: the settings.
        loaded: the data.
        taught: the folder in which the teacher was taught, "" where the
            settings name it.

    Raises:
        DataError: it is missing or damaged.
    """
    named, near = config.discriminator_weights, taught or config.teacher_weights
    if not named and not near:
        return _new_auxiliary_models(config, loaded)
    with devices.strategy(config.run.strategy).scope():
        task = tasks.TASKS[loaded.task]
        return task.auxiliary_models(loaded, named=named, near=near)


def freeze(
    config: Compress,
    teacher: SectionedModel,
    student: SectionedModel,
    loaded: data.Dataset,
) -> Pair:
    """Freezes a taught teacher: a pair that a method can start from."""
    with devices.strategy(config.run.strategy).scope():
        dtype = frozen.dtype_for(student, config.frozen.teacher_dtype)
        twin = frozen.freeze(teacher, dtype)
    phase = config.lit
    return Pair(
        config=config,
        teacher=teacher,
        student=student,
        frozen=twin,
        copy=lambda model: sectioned_model.with_policy(
            model, config.run.dtype, sync_batch_norm=config.run.sync_batch_norm
        ),
        another=lambda: _student(config, loaded, teacher),
        steps=phase.total(
            batches.steps_per_epoch(loaded.train, phase.batch_size)
        ),
    )


def stages(
    pair: Pair,
    loaded: data.Dataset,
    auxiliary_models: Mapping[str, keras.Model],
) -> Iterator[Stage]:
    """Yields who trains the student, under the run's strategy.

    Each is to be trained before the next is asked for.
    """
    strategy = devices.strategy(pair.config.run.strategy)
    with strategy.scope():
        running = tasks.TASKS[loaded.task].stages(pair, auxiliary_models)
    while True:
        with strategy.scope():
            stage = next(running, None)
        if stage is None:
            return
        yield stage


def answers(pair: Pair, loaded: data.Dataset) -> cached_outputs.Answers | None:
    """Returns the teacher's answers where they are to be kept, else None.

    Raises:
        DataError: there is no room for them.
    """
    if pair.config.frozen.teacher_cache == "off":
        return None
    return cache_of(pair, loaded).open()


def cache_of(pair: Pair, loaded: data.Dataset) -> cache.Cache:
    """Returns what keeps the answers of a pair's teacher."""
    return cache.Cache(
        pair.teacher,
        pair.frozen,
        loaded,
        pair.config,
        representations=methods.get(pair.config.method).compares,
    )


def _new_auxiliary_models(config, loaded):
    with devices.strategy(config.run.strategy).scope():
        keras.utils.set_random_seed(config.run.seed)
        return tasks.TASKS[loaded.task].new(config, loaded)


def _form(loaded, teacher):
    # A teacher from elsewhere may normalise otherwise than the data set does;
    # the student's stem is a copy of its.
    return loaded.form | sectioned_model.normalization(teacher)


def _student(config, loaded, teacher):
    """Returns a new student: the named one, or what is left of the teacher."""
    if not config.shrink.asked:
        return _build(config.student, _form(loaded, teacher), config)
    keras.utils.set_random_seed(config.run.seed)
    asked = config.shrink
    student = shrink(
        teacher,
        keep=asked.keep,
        compression=asked.compression,
        of=asked.compression_of,
    )
    return _under_policy(student, config.run)


def _build(name, form, config):
    run = config.run
    # Seeded here, and not once at the start, so that the weights do not depend
    # on what a resumed process did or did not do before.
    keras.utils.set_random_seed(run.seed)
    model = models.get(name, **config.architecture.options)(**form)
    return _under_policy(model, run)


def _under_policy(model, run):
    # What is made is float32 and synchronises nothing.
    if run.dtype == "float32" and not run.sync_batch_norm:
        return model
    return sectioned_model.with_policy(
        model, run.dtype, sync_batch_norm=run.sync_batch_norm
    )
