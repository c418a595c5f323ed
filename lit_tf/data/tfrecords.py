"""The user's own images with classes in TFRecord files."""

import io
import pathlib

import numpy as np
import tensorflow as tf

from lit_tf import config, errors
from lit_tf.data import class_images, derived_files, held_out, image_files
from lit_tf.data.dataset import Dataset

_NAME = "tfrecords"
_SCHEMA = {
    "image": tf.io.FixedLenFeature([], tf.string),
    "label": tf.io.FixedLenFeature([], tf.int64),
}


def load(
    data_dir: str = "",
    download: bool = False,
    settings: config.Data | None = None,
) -> Dataset:
    """Loads `train*.tfrecord` and `test*.tfrecord` files.

    Each record is a `tf.train.Example` with two features: `image`, an encoded
    image (JPEG, PNG, …) as one byte string, and `label`, a whole number from 0.
    A file `classes.txt` in the same folder may name the classes, one on each
    line. Without test files a tenth of the images, at most 1,999, is the test
    split (`held_out.draw`). The largest centred square of each image is resized
    to `image_size`, in RGB.

    Args:
        data_dir: the folder with the files.
        download: not used.
        settings: the size of the images.

    Raises:
        DataError: if there are no such files, a record has another form, or
            images cannot be decoded.
    """
    del download  # The user's own files cannot be downloaded.
    settings = settings or config.Data(dataset=_NAME)
    root = image_files.data_folder(data_dir)
    files = training_files(root) if root else []
    if not files:
        raise errors.DataError(
            f"No train*.tfrecord in --data_dir={data_dir!r}. Name the folder "
            "that holds train*.tfrecord and, optionally, test*.tfrecord."
        )
    test_files = sorted(root.glob("test*.tfrecord*"))
    labels, counts = [], []
    for file in (*files, *test_files):
        file_labels = [int(label) for _, label in _records(file, "label")]
        labels += file_labels
        counts.append(len(file_labels))
    if min(labels, default=0) < 0:
        raise errors.DataError(
            f"A label in {root}/ must be a whole number from 0. Received: "
            f"{min(labels)}."
        )
    training_count = sum(counts[: len(files)])
    test = np.arange(len(labels)) >= training_count
    if not test_files:
        test = held_out.draw(len(labels))
    return class_images.dataset(
        _NAME,
        settings,
        _images((*files, *test_files)),
        labels=labels,
        test=test,
        classes=_classes(root, labels),
        key={
            "records": derived_files.fingerprint(
                (file.name, file) for file in (*files, *test_files)
            )
        },
        folder=root,
    )


def training_files(root: pathlib.Path) -> list[pathlib.Path]:
    """Returns the files of training examples in a folder, sorted."""
    return sorted(root.glob("train*.tfrecord*"))


def _images(files):
    for file in files:
        for number, image in _records(file, "image"):
            yield f"{file.name}, record {number}", io.BytesIO(image)


def _records(file, name):
    """Yields the number of each record, from 1, and one of its features."""
    schema, number = {name: _SCHEMA[name]}, 0
    try:
        for number, record in enumerate(tf.data.TFRecordDataset(str(file)), 1):
            yield (
                number,
                tf.io.parse_single_example(record, schema)[name].numpy(),
            )
    except tf.errors.OpError as error:
        raise errors.DataError(
            f"{file.name}, near record {number or 1}: {errors.line(error)}. A "
            "record must be a tf.train.Example of `image`, an encoded image, "
            "and `label`."
        ) from None


def _classes(root, labels):
    count = max(labels, default=-1) + 1
    file = root / "classes.txt"
    if not file.is_file():
        return tuple(map(str, range(count)))
    names = tuple(file.read_text(encoding="utf-8").split("\n"))
    names = names[:-1] if names[-1:] == ("",) else names
    if len(names) < count:
        raise errors.DataError(
            f"{file} must name every class. Received: {len(names)} names, and "
            f"label {count - 1}."
        )
    return names


SOURCE = class_images.source(load)
