"""Images of classes as a data set: what their layouts have in common."""

import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lit_tf import config, errors
from lit_tf.data import augment, decoded, statistics
from lit_tf.data.dataset import Dataset, Source, Split

CROP = augment.Crop(flip=True)


def dataset(
    name: str,
    settings: config.Data,
    images: Iterable[tuple[str, Any]],
    *,
    labels: Sequence[int],
    test: np.ndarray,
    classes: Sequence[str],
    key: Mapping[str, Any],
    beside: pathlib.Path,
) -> Dataset:
    """Returns images and their classes as a data set, decoded where need be.

    Args:
        name: the data set's.
        settings: the images' size.
        images: of each a name for messages, and its file or what is in it; read
            once or not at all.
        labels: of each, from 0.
        test: whether each is to test on, `[images]`.
        classes: their names.
        key: all that the images depend on.
        beside: a folder, beside whose files the pixels are kept.

    Raises:
        DataError: there are fewer than two classes, or no images to train or to
            test on; or as `decoded.decode`.
    """
    if len(classes) < 2:
        raise errors.DataError(
            f"There must be two classes at least in {beside}/. Received: "
            f"{', '.join(classes) or 'none'}."
        )
    pixels = decoded.decode(
        (decoded.Picture(name, file, np.zeros(0)) for name, file in images),
        count=len(labels),
        key=key,
        beside=beside,
        size=settings.image_size,
        crop=settings.crop_size,
    )
    found = Split(pixels.pixels, np.array(labels, np.int32)[pixels.places])
    test = np.asarray(test)[pixels.places]
    if test.all() or not test.any():
        raise errors.DataError(
            f"There must be images to train and to test on in {beside}/. "
            f"Received: {np.sum(~test)} and {np.sum(test)}."
        )
    train, test = (
        found.take(np.flatnonzero(chosen)) for chosen in (~test, test)
    )
    notes = [
        f"{len(train):,} training and {len(test):,} test images of "
        f"{len(classes)} classes",
        f"decoded in {pixels.folder}/",
    ]
    if pixels.broken:
        notes.insert(1, f"broken and passed over: {pixels.broken:,}")
    return Dataset(
        name=name,
        train=train,
        test=test,
        classes=tuple(classes),
        stem=statistics.of(train),
        crop=CROP,
        note="; ".join(notes),
    )


def source(load) -> Source:
    """Returns the entry of `DATASETS` that a loader makes."""
    return Source(
        load=load,
        input_shape=lambda settings: (*[settings.image_size] * 2, 3),
        # Only the files tell.
        classes=lambda _: (),
        stem=lambda _: {},
        crop=CROP,
        resized=True,
    )
