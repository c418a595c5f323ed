"""The user's own images with classes in TFRecord files."""

import io
import pathlib

import numpy as np
import tensorflow as tf

from lit_tf import config, errors
from lit_tf.data import (
    class_images,
    class_numbers,
    derived_files,
    held_out,
    image_files,
    split_names,
    tfrecord_files,
)
from lit_tf.data.dataset import Dataset

_NAME = "tfrecords"
_IMAGE = {"image": tf.io.FixedLenFeature([], tf.string)}
_LABEL = {"label": tf.io.FixedLenFeature([], tf.int64)}


def load(
    data_dir: str = "",
    download: bool = False,
    settings: config.Data | None = None,
    cache_dir: str = "",
) -> Dataset:
    """Loads `train*.tfrecord` and `test*.tfrecord` files.

    Each record is a `tf.train.Example` with two features: `image`, an encoded
    image (JPEG, PNG, …) as one byte string, and `label`, a whole number from 0.
    Files may be compressed by gzip. A file `classes.txt` in the same folder may
    name the classes, one on each line. Without test files a tenth of the
    training images, at most 1,999, is the test split (`held_out.draw`). Files
    `val*.tfrecord` are the validation split. The largest centred square of each
    image is resized to `image_size`, in RGB.

    Args:
        data_dir: the folder with the files.
        download: not used.
        settings: the size of the images.
        cache_dir: the folder for decoded images; "" for the user's cache.

    Raises:
        DataError: if there are no such files, a record has another form, or
            images cannot be decoded.
    """
    del download  # The user's own files cannot be downloaded.
    settings = settings or config.Data(dataset=_NAME)
    root = image_files.data_folder(data_dir)
    by_part = {
        part: tfrecord_files.find(root, part) if root else []
        for part in split_names.PARTS
    }
    if not by_part["train"]:
        raise errors.DataError(
            image_files.missing("No train*.tfrecord", data_dir)
            + " Name the folder that holds train*.tfrecord and, optionally, "
            "val*.tfrecord and test*.tfrecord."
        )
    # Validation last: cached images have this order since version 0.1.
    files = by_part["train"] + by_part["test"] + by_part["validation"]
    labels, parts = [], []
    for part in ("train", "test", "validation"):
        for file in by_part[part]:
            tfrecord_files.check(file)
            file_labels = list(_labels(file))
            labels += file_labels
            parts += [part] * len(file_labels)
    classes = _classes(root, labels)
    parts = np.array(parts)
    test = parts == "test"
    if not by_part["test"]:
        is_train = np.flatnonzero(parts == "train")
        test[is_train[held_out.draw(len(is_train))]] = True
    return class_images.dataset(
        _NAME,
        settings,
        _images(files),
        labels=labels,
        test=test,
        validation=parts == "validation",
        classes=classes,
        key={
            "records": derived_files.fingerprint(
                (file.name, file) for file in files
            )
        },
        folder=root,
        cache_dir=cache_dir,
    )


def training_files(root: pathlib.Path) -> list[pathlib.Path]:
    """Returns the files of training examples in a folder, sorted."""
    return tfrecord_files.find(root, "train") if root.is_dir() else []


def _images(files):
    for file in files:
        name = image_files.printable(file.name)
        for number, features in tfrecord_files.records(file, _IMAGE):
            image = io.BytesIO(features["image"].numpy())
            yield f"{name}, record {number}", image


def _labels(file):
    for number, features in tfrecord_files.records(file, _LABEL):
        label = int(features["label"])
        if label < 0:
            raise errors.DataError(
                f"{image_files.printable(file.name)}, record {number}: a label "
                f"must be a whole number from 0. Received: {label}. Number the "
                "classes from 0, and leave out examples without a class."
            )
        yield label


def _classes(root, labels):
    count = max(labels, default=-1) + 1
    file = root / "classes.txt"
    if not file.is_file():
        class_numbers.check_count(
            count - 1, len(labels), name=f"Labels in {root}/"
        )
        return tuple(map(str, range(count)))
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    names = tuple(text.split("\n"))
    names = names[:-1] if names[-1:] == ("",) else names
    if len(names) < count:
        raise errors.DataError(
            f"{file} must name every class. Received: {len(names)} names, and "
            f"label {count - 1}."
        )
    return names


SOURCE = class_images.source(load)
