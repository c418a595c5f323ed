"""Rules for a cache of the teacher's outputs that settings alone decide.

Those that need models or data are in `lit_tf.teacher.cacheable`.
"""

from typing import Any

from lit_tf import errors
from lit_tf.config import method_table


def check(settings: Any) -> None:
    """Checks that the other settings allow the cache that `teacher_cache` sets.

    Args:
        settings: a `Compress`.

    Raises:
        SettingsError: if they do not.
    """
    frozen = settings.frozen
    if frozen.requires_cache:
        reason = excluded(settings)
        errors.require(not reason, reason, teacher_cache=frozen.teacher_cache)
    if frozen.teacher_cache != "auto":
        return
    errors.require(
        settings.compute.strategy != "multi_worker",
        "`teacher_cache` auto cannot be used with several machines, which "
        "would measure different times. Choose disk, memory or off.",
        teacher_cache=frozen.teacher_cache,
    )
    errors.require(
        not settings.budget,
        "`teacher_cache` auto measures after `budget` has determined the "
        "epochs. Choose disk, memory or off, or pass `epochs`.",
        budget=settings.budget,
    )


def check_search(settings: Any) -> None:
    """Checks that all trials of a search train alike.

    Args:
        settings: a `Tune`.

    Raises:
        SettingsError: if each could choose another cache.
    """
    errors.require(
        settings.frozen.teacher_cache != "auto",
        "`teacher_cache` auto may choose differently in each trial, and with "
        "it the augmentation. Choose disk, memory or off.",
        teacher_cache=settings.frozen.teacher_cache,
    )


def excluded(settings: Any) -> str:
    """Returns why a teacher's outputs cannot be cached, and what to do.

    Args:
        settings: a `Compress`.

    Returns:
        Two sentences; "" if they can be cached.
    """
    if (
        not settings.copy_ends
        and settings.method == "lit"
        and (
            settings.loss.section_input != "student"
            or settings.loss.connector != "none"
        )
    ):
        return (
            "`teacher_cache` does not store the output of the stem, which "
            "training needs when `copy_ends` is off. Turn `teacher_cache` "
            "off, or `copy_ends` on."
        )
    if settings.data.augmentation.mixes:
        return (
            "`teacher_cache` stores outputs for single images, which `mixup` "
            "and `cutmix` mix anew in each batch. Turn `teacher_cache` off."
        )
    if (
        settings.data.length_buckets
        and method_table.get(settings.method).compares
    ):
        return (
            "`teacher_cache` stores representations of texts of one length. "
            "Turn `teacher_cache` off, or set `length_buckets` to 0."
        )
    return ""
