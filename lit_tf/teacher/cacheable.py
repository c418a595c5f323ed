"""Rules for a cache of the teacher's outputs that need models or data.

Those of settings alone are in `lit_tf.config.cache_rules`.
"""

import dataclasses

import keras

from lit_tf import config, data, errors
from lit_tf.sections import augmentation


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """A reason why a teacher's outputs cannot be cached.

    Args:
        note: the reason, as a run with `--teacher_cache=auto` prints it.
        refusal: the message of the error if a cache was asked for.
    """

    note: str
    refusal: str


TARGETS = Rule(
    note="the target of an image is drawn anew in each step",
    refusal="`teacher_cache` must be off for image translation: the target "
    "attributes change with every batch.",
)
LAYERS = Rule(
    note="layers of the models change the inputs in each step",
    refusal="A teacher's outputs cannot be cached if the models have "
    "augmentation layers, because these change the inputs in each step. Set "
    "`teacher_cache` to off, or augment the data instead.",
)


def check_data(frozen: config.Frozen, dataset: data.Dataset) -> None:
    """Checks that a dataset allows the cache that the settings ask for.

    Raises:
        SettingsError: if it does not.
    """
    errors.require(
        not (frozen.requires_cache and _draws_targets(dataset)),
        TARGETS.refusal,
        teacher_cache=frozen.teacher_cache,
    )


def check_models(
    frozen: config.Frozen, teacher: keras.Model, student: keras.Model
) -> None:
    """Checks that the models allow the cache that the settings ask for.

    Raises:
        SettingsError: if they do not.
    """
    if frozen.requires_cache and _augment(teacher, student):
        raise errors.SettingsError(LAYERS.refusal)


def excluded_from_auto(
    dataset: data.Dataset,
    teacher: keras.Model,
    student: keras.Model,
    *,
    replicas: int,
    compiled: bool,
) -> str:
    """Returns why `--teacher_cache=auto` caches nothing; "" if it may.

    Args:
        dataset: the dataset.
        teacher: the teacher.
        student: the student.
        replicas: the number of replicas that train.
        compiled: whether XLA compiles the steps.
    """
    if replicas > 1:
        return "its time is not estimated for several replicas"
    if dataset.buckets is not None:
        return "its time is not estimated for texts of several lengths"
    if compiled:
        return "its time is not estimated for steps that XLA compiles"
    if _draws_targets(dataset):
        return TARGETS.note
    return LAYERS.note if _augment(teacher, student) else ""


def _draws_targets(dataset):
    return dataset.task == "images"


def _augment(*models):
    return any(map(augmentation.augmented_view, models))
