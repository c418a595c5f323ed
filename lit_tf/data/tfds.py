"""TensorFlow Datasets: what is fetched, and any of them by name."""

import difflib
import functools
import io
import pathlib

import numpy as np

from lit_tf import config, errors
from lit_tf.data import class_images, images
from lit_tf.data.dataset import Source

PREFIX = "tfds:"
# Where examples to test on may be, the first that is there.
_TEST = ("test", "validation")


def prepared(name: str, data_dir: str, *, download: bool):
    """Returns the builder of a data set whose files are there.

    Args:
        name: as TensorFlow Datasets knows it, perhaps with a configuration and
            a version: `beans`, `imagenet_resized/32x32:0.1.0`.
        data_dir: where it keeps its files; "" for its own place.
        download: whether they may be fetched.

    Returns:
        A `tfds.core.DatasetBuilder`.

    Raises:
        SettingsError: there is none of that name.
        DataError: its files are not there, or cannot be fetched.
    """
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=data_dir or None)
    except tfds.core.DatasetNotFoundError:
        known = tfds.list_builders(with_community_datasets=False)
        near = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
        raise errors.SettingsError(
            f"TensorFlow Datasets has no {name!r}. The nearest is {near}."
        ) from None
    except Exception as error:  # A configuration or a version, or the spelling.
        raise errors.SettingsError(
            f"TensorFlow Datasets does not know {name!r}: "
            f"{str(error).splitlines()[0]}"
        ) from None
    if builder.is_prepared():
        return builder
    if not download:
        raise errors.DataError(
            f"{name} is not in {builder.data_dir}/. Let TensorFlow Datasets "
            "fetch it with --download, or name the folder that holds it with "
            "--data_dir."
        )
    try:
        builder.download_and_prepare()
    except Exception as error:  # Whatever the network or the disk provokes.
        raise errors.DataError(
            f"TensorFlow Datasets could not fetch {name}: {errors.line(error)}"
        ) from error
    return builder


def source(name: str) -> Source:
    """Returns a data set of images and classes, `tfds:` before its name."""
    return class_images.source(functools.partial(_load, name))


def _load(name, data_dir="", download=False, settings=None):
    settings = settings or config.Data(dataset=name)
    builder = prepared(name.removeprefix(PREFIX), data_dir, download=download)
    columns = _columns(name, builder.info)
    parts = ["train", *(p for p in _TEST if p in builder.info.splits)][:2]
    labels, test = [], []
    for part in parts:
        some = [label for _, label in _rows(builder, part, columns)]
        labels += some
        test += [part != "train"] * len(some)
    if min(labels, default=0) < 0:
        raise errors.DataError(
            f"{name} must tell the class of every image. Received: images of "
            f"{parts[-1]} without."
        )
    return class_images.dataset(
        name,
        settings,
        (
            (f"{part} {number}", io.BytesIO(image))
            for part in parts
            for number, (image, _) in enumerate(_rows(builder, part, columns))
        ),
        labels=labels,
        test=np.array(test) if any(test) else images.drawn(len(labels)),
        classes=builder.info.features[columns[1]].names,
        key={"tfds": builder.info.full_name, "counts": len(labels)},
        beside=pathlib.Path(builder.data_dir),
    )


def _columns(name, info):
    """Returns the names of the features that are the image and its class."""
    import tensorflow_datasets as tfds

    named, found = info.supervised_keys or ("image", "label"), []
    for kind in (tfds.features.Image, tfds.features.ClassLabel):
        names = [k for k, f in info.features.items() if isinstance(f, kind)]
        found.append([k for k in names if k in named] or names)
    if [len(names) for names in found] != [1, 1] or "train" not in info.splits:
        raise errors.DataError(
            f"{name} must have one image and one class an example, and a split "
            f"train. Received: {', '.join(sorted(info.features))}; and of "
            f"splits {', '.join(info.splits)}."
        )
    return [key for (key,) in found]


def _rows(builder, part, columns):
    """Yields each image of a split, as it is encoded, and its class."""
    import tensorflow_datasets as tfds

    image, label = columns
    only = tfds.decode.PartialDecoding(
        {image: True, label: True}, decoders={image: tfds.decode.SkipDecoding()}
    )
    for row in tfds.as_numpy(builder.as_dataset(split=part, decoders=only)):
        yield row[image], int(row[label])
