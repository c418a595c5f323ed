"""Settings with which a teacher's outputs cannot be cached."""

from typing import Any

from lit_tf.config import method_table


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
