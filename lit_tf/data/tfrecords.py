"""The user's own examples with classes in TFRecord files."""

import dataclasses
import io
import pathlib

import numpy as np
import tensorflow as tf

from lit_tf import config, errors
from lit_tf.data import (
    class_images,
    class_numbers,
    crops,
    derived_files,
    held_out,
    image_files,
    split_names,
    tfrecord_files,
)
from lit_tf.data.dataset import Dataset, Split

_NAME = "tfrecords"
_IMAGE = "image"
_LABEL = {"label": tf.io.FixedLenFeature([], tf.int64)}
_NUMBERS = {tf.int64: np.int32, tf.float32: np.float32}


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

    If the settings name several inputs, they are the features: at most one
    encoded image, and others of int64 or float values, equally many in each
    record. They become a dictionary.

    Args:
        data_dir: the folder with the files.
        download: not used.
        settings: the size of the images; the names of the inputs.
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
    for file in files:
        tfrecord_files.check(file)
    image, schema = _IMAGE, {}
    if settings.inputs:
        image, schema = _features(files[0], settings.inputs)
    labels, parts, rows = [], [], []
    for part in ("train", "test", "validation"):
        for file in by_part[part]:
            for label, numbers in _labels_and_numbers(file, schema):
                labels.append(label)
                parts.append(part)
                rows.append(numbers)
    numbers = {
        name: _numbers(name, column, schema[name].dtype)
        for name, column in zip(schema, zip(*rows, strict=True), strict=True)
    }
    classes = _classes(root, labels)
    parts = np.array(parts)
    test, notes = parts == "test", ()
    if not by_part["test"]:
        notes = (held_out.NOTE,)
        is_train = np.flatnonzero(parts == "train")
        test[is_train[held_out.draw(len(is_train))]] = True
    splits = {"test": test, "validation": parts == "validation"}
    if not image:
        return class_images.divided(
            _NAME,
            Split(numbers, np.array(labels, np.int32)),
            **splits,
            classes=classes,
            folder=root,
            what="example",
            crop=crops.Crop(),
            notes=notes,
        )

    def inputs(pixels, places):
        others = {name: column[places] for name, column in numbers.items()}
        return {image: pixels, **others} if settings.inputs else pixels

    return class_images.dataset(
        _NAME,
        settings,
        _images(files, image),
        labels=labels,
        **splits,
        classes=classes,
        inputs=inputs,
        key={
            "records": derived_files.fingerprint(
                (file.name, file) for file in files
            )
        },
        folder=root,
        cache_dir=cache_dir,
        notes=notes,
    )


def training_files(root: pathlib.Path) -> list[pathlib.Path]:
    """Returns the files of training examples in a folder, sorted."""
    return tfrecord_files.find(root, "train") if root.is_dir() else []


def _features(file, names):
    """Returns the name of the image among inputs, and the form of the others.

    They are those of the first record. The name is "" if no input is an image.
    """
    record = tfrecord_files.first(file)
    images, schema = [], {}
    for name in names:
        kind = record[name].WhichOneof("kind") if name in record else None
        if kind == "bytes_list":
            images.append(name)
        elif kind == "int64_list":
            length = len(record[name].int64_list.value)
            schema[name] = tf.io.FixedLenFeature([length], tf.int64)
        elif kind == "float_list":
            length = len(record[name].float_list.value)
            schema[name] = tf.io.FixedLenFeature([length], tf.float32)
        else:
            raise errors.DataError(
                f"{image_files.printable(file.name)} must hold the feature "
                f"{name!r}. Received: {', '.join(sorted(record)) or 'none'}."
            )
    if len(images) > 1:
        raise errors.DataError(
            f"{image_files.printable(file.name)} must have one encoded image "
            f"in each record. Received: {' and '.join(images)}."
        )
    return "".join(images), schema


def _images(files, feature):
    schema = {feature: tf.io.FixedLenFeature([], tf.string)}
    for file in files:
        name = image_files.printable(file.name)
        for number, features in tfrecord_files.records(file, schema):
            image = io.BytesIO(features[feature].numpy())
            yield f"{name}, record {number}", image


def _labels_and_numbers(file, schema):
    """Yields the label of each record, and its values by the schema."""
    for number, features in tfrecord_files.records(file, _LABEL | schema):
        label = int(features["label"])
        if label < 0:
            raise errors.DataError(
                f"{image_files.printable(file.name)}, record {number}: a label "
                f"must be a whole number from 0. Received: {label}. Number the "
                "classes from 0, and leave out examples without a class."
            )
        yield label, [features[name].numpy() for name in schema]


def _numbers(name, column, dtype):
    """Returns the values of a feature in all records as an array."""
    values = np.array(column)
    kept = values.astype(_NUMBERS[dtype])
    if dtype is tf.int64 and not np.array_equal(kept, values):
        raise errors.DataError(
            f"The feature {name!r} must have whole numbers of 32 bits. "
            f"Received: {values[kept != values][0]}."
        )
    return kept


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


SOURCE = dataclasses.replace(class_images.source(load), named_inputs=True)
