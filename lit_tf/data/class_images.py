"""Images with classes as a dataset: code that the layouts share."""

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
    folder: pathlib.Path,
) -> Dataset:
    """Returns images and their classes as a dataset; decodes them if needed.

    Args:
        name: the dataset's name.
        settings: the size of the images.
        images: pairs of a name for messages and a path or open file; iterated
            over at most once.
        labels: class number of each image, from 0.
        test: whether each image is in the test split, `[images]`.
        classes: names of the classes.
        key: everything that the images depend on.
        folder: the folder of the original files; the pixels are stored next to
            them.

    Raises:
        DataError: if there are fewer than two classes, no training or no test
            images; and as `decoded.decode`.
    """
    if len(classes) < 2:
        raise errors.DataError(
            f"There must be at least two classes in {folder}/. Received: "
            f"{', '.join(classes) or 'none'}."
        )
    pixels = decoded.decode(
        (decoded.ImageFile(name, file, np.zeros(0)) for name, file in images),
        count=len(labels),
        key=key,
        folder=folder,
        size=settings.image_size,
        crop=settings.crop_size,
    )
    everything = Split(pixels.pixels, np.array(labels, np.int32)[pixels.places])
    is_test = np.asarray(test)[pixels.places]
    if is_test.all() or not is_test.any():
        raise errors.DataError(
            "There must be at least one training image and one test image in "
            f"{folder}/. Received: {np.sum(~is_test)} and {np.sum(is_test)}."
        )
    train, test = (
        everything.take(np.flatnonzero(chosen))
        for chosen in (~is_test, is_test)
    )
    notes = [
        f"{len(train):,} training and {len(test):,} test images of "
        f"{len(classes)} classes",
        f"decoded in {pixels.folder}/",
    ]
    if pixels.broken:
        notes.insert(1, f"broken and skipped: {pixels.broken:,}")
    return Dataset(
        name=name,
        train=train,
        test=test,
        classes=tuple(classes),
        stem=statistics.mean_and_std(train),
        crop=CROP,
        note="; ".join(notes),
    )


def source(load) -> Source:
    """Returns an entry of `DATASETS`.

    Args:
        load: the loader, as in `Source.load`.
    """
    return Source(
        load=load,
        input_shape=lambda settings: (*[settings.image_size] * 2, 3),
        # The classes and the statistics are known from the files alone.
        classes=lambda _: (),
        stem=lambda _: {},
        crop=CROP,
        resized=True,
    )
