"""Parts of a cache: the splits, their sizes, and what is printed of them."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lit_tf import data
from lit_tf.data import crops
from lit_tf.teacher import array_store
from lit_tf.teacher.cache_need import Need
from lit_tf.utils import keyed_folder, text_format

_PURPOSE = {"train": "training", "validation": "validation"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """A split with its views: the arrays that are stored under one key."""

    split: data.Split
    crop: crops.Crop
    views: int
    key: keyed_folder.Key
    forms: array_store.Forms


def size(parts: Iterable[Part]) -> int:
    """Returns the size of parts in bytes."""
    return sum(array_store.size(part.forms) for part in parts)


def size_of_example(
    forms: Mapping[str, tuple[tuple[int, ...], Any]],
) -> int:
    """Returns the size in bytes of arrays of one example.

    Args:
        forms: shape and dtype by name.
    """
    return array_store.size(
        {name: (shape, np.dtype(kind)) for name, (shape, kind) in forms.items()}
    )


def describe(
    missing: Sequence[Part], need: Need, saved: float, epochs: int
) -> str:
    """Returns the printed line: contents, size, time and break-even.

    Args:
        missing: the parts that are not yet stored.
        need: what they need.
        saved: seconds that the cache saves in each epoch.
        epochs: the epochs that read the cache.
    """
    contents = " and ".join(
        f"{part.views} view{'s' * (part.views > 1)} of {len(part.split):,} "
        f"{_PURPOSE[part.key['split']]} examples"
        for part in missing
    )
    seconds = need.fill_seconds
    slower = seconds > saved * epochs
    return (
        f"{contents}: {text_format.size(need.size)} in {need.place}. Filling "
        f"it takes about {text_format.duration(seconds)} and saves "
        f"{text_format.duration(saved)} per epoch: it pays off after "
        f"{seconds / saved:.1f} of {epochs} epochs"
        + (", so --teacher_cache=off is faster." if slower else ".")
    )
