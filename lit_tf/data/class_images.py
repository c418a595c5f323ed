"""Images with classes as a dataset: code that the layouts share."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lit_tf import config, errors
from lit_tf.data import crops, decoded, statistics
from lit_tf.data.dataset import Dataset, Source, Split
from lit_tf.data.rows import Rows

CROP = crops.Crop(flip=True)


def dataset(
    name: str,
    settings: config.Data,
    images: Iterable[tuple[str, Any]],
    *,
    labels: Sequence[int],
    test: np.ndarray,
    validation: np.ndarray | None = None,
    classes: Sequence[str],
    key: Mapping[str, Any],
    folder: pathlib.Path,
    cache_dir: str,
    notes: Sequence[str] = (),
    inputs: Callable[[Rows, np.ndarray], Any] = lambda pixels, _: pixels,
) -> Dataset:
    """Returns images and their classes as a dataset; decodes them if needed.

    Args:
        name: the dataset's name.
        settings: the shape of the images.
        images: pairs of a name for messages and a path or open file; iterated
            over at most once.
        labels: class number of each image, from 0.
        test: whether each image is in the test split, `[images]`.
        validation: whether each image is in the validation split, `[images]`;
            None if the data have none of their own.
        classes: names of the classes.
        key: everything that the images depend on.
        folder: the folder of the original files.
        cache_dir: the folder to store the pixels in; "" for the user's cache.
        notes: sentences for the user.
        inputs: function of the pixels and of the numbers of their images that
            returns `Split.inputs`.

    Raises:
        DataError: if there are fewer than two classes, a class of which every
            training image is broken, no training or no test images; and as
            `decoded.decode`.
    """
    _check_classes(classes, folder)
    pixels = decoded.decode(
        (decoded.ImageFile(name, file, np.zeros(0)) for name, file in images),
        count=len(labels),
        key=key,
        folder=folder,
        cache_dir=cache_dir,
        shape=settings.image_shape,
        crop=settings.crop_size,
        decoding=settings.decoding,
        groups=labels,
    )
    kept = np.array(labels, np.int32)[pixels.places]
    _check_no_class_is_broken(labels, kept, classes, pixels)
    if validation is not None:
        validation = np.asarray(validation)[pixels.places]
    found = divided(
        name,
        Split(inputs(pixels.pixels, pixels.places), kept),
        test=np.asarray(test)[pixels.places],
        validation=validation,
        classes=classes,
        folder=folder,
        notes=[*pixels.notes, *notes, pixels.storage],
    )
    return dataclasses.replace(found, decoding=pixels.decoding)


def divided(
    name: str,
    examples: Split,
    *,
    test: np.ndarray,
    validation: np.ndarray | None,
    classes: Sequence[str],
    folder: pathlib.Path,
    notes: Sequence[str] = (),
    what: str = "image",
    crop: crops.Crop = CROP,
) -> Dataset:
    """Returns examples of all splits as a dataset.

    Args:
        name: the dataset's name.
        examples: the examples of all splits.
        test: whether each example is in the test split, `[examples]`.
        validation: whether each example is in the validation split,
            `[examples]`; None if the data have none of their own.
        classes: names of the classes.
        folder: the folder of the files.
        notes: sentences for the user.
        what: the word for an example in messages.
        crop: the augmentation of training batches.

    Raises:
        DataError: if there are fewer than two classes, no training or no test
            examples.
    """
    _check_classes(classes, folder)
    if validation is None:
        validation = np.zeros_like(test)
    is_train = ~(test | validation)
    if not is_train.any() or not test.any():
        raise errors.DataError(
            f"There must be at least one training {what} and one test {what} "
            f"in {folder}/. Received: {np.sum(is_train)} and {np.sum(test)}."
        )
    train, test, validation = (
        examples.take(np.flatnonzero(chosen))
        for chosen in (is_train, test, validation)
    )
    counts = f"{len(train):,} training"
    if len(validation):
        counts += f", {len(validation):,} validation"
    counts += f" and {len(test):,} test {what}s of {len(classes)} classes"
    return Dataset(
        name=name,
        train=train,
        test=test,
        validation=validation if len(validation) else None,
        classes=tuple(classes),
        stem=statistics.mean_and_std(train),
        crop=crop,
        note="; ".join([counts, *notes]),
    )


def _check_classes(classes, folder):
    if len(classes) < 2:
        raise errors.DataError(
            f"There must be at least two classes in {folder}/. Received: "
            f"{', '.join(classes) or 'none'}."
        )


def _check_no_class_is_broken(labels, decoded_labels, classes, pixels):
    lost = set(labels) - set(decoded_labels.tolist())
    if lost:
        raise errors.DataError(
            f"Every image of class {classes[min(lost)]} is broken. "
            f"{'; '.join(pixels.notes).capitalize()}."
        )


def source(load) -> Source:
    """Returns an entry of `DATASETS`.

    Args:
        load: the loader, as in `Source.load`.
    """
    return Source(
        load=load,
        input_shape=lambda settings: settings.image_shape,
        # The classes and the statistics are known from the files alone.
        classes=lambda _: (),
        stem=lambda _: {},
        crop=CROP,
        resized=True,
    )
