"""TensorFlow Datasets: downloads, and image classes under `tfds:` names."""

import difflib
import functools
import io
import pathlib

import numpy as np

from lit_tf import config, errors
from lit_tf.data import class_images, held_out
from lit_tf.data.dataset import Source

PREFIX = "tfds:"
# Possible test splits; the first that exists is used.
_TEST = ("test", "validation")


def prepared(name: str, data_dir: str, *, download: bool):
    """Returns the builder of a dataset whose files are ready.

    Args:
        name: the name in TensorFlow Datasets, optionally with a configuration
            and a version: `beans`, `imagenet_resized/32x32:0.1.0`.
        data_dir: the folder for the files; "" for TensorFlow Datasets' default.
        download: whether files may be downloaded.

    Returns:
        A `tfds.core.DatasetBuilder`.

    Raises:
        SettingsError: if there is no dataset of that name.
        DataError: if the files are missing or cannot be downloaded.
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
    except Exception as error:  # A bad configuration, version or spelling.
        raise errors.SettingsError(
            f"TensorFlow Datasets does not know {name!r}: "
            f"{str(error).splitlines()[0]}"
        ) from None
    if builder.is_prepared():
        return builder
    if not download:
        raise errors.DataError(
            f"{name} is not in {builder.data_dir}/. Let TensorFlow Datasets "
            "download it with --download, or name the folder that holds it "
            "with --data_dir."
        )
    try:
        builder.download_and_prepare()
    except Exception as error:  # Many kinds, by the network or the disk.
        raise errors.DataError(
            f"TensorFlow Datasets could not download {name}: "
            f"{errors.line(error)}"
        ) from error
    return builder


def source(name: str) -> Source:
    """Returns the source of images with classes from TensorFlow Datasets.

    Args:
        name: `tfds:` and the name in TensorFlow Datasets.
    """
    return class_images.source(functools.partial(_load, name))


def _load(name, data_dir="", download=False, settings=None, cache_dir=""):
    settings = settings or config.Data(dataset=name)
    builder = prepared(name.removeprefix(PREFIX), data_dir, download=download)
    columns = _columns(name, builder.info)
    parts = ["train", *(p for p in _TEST if p in builder.info.splits)][:2]
    labels, test = [], []
    for part in parts:
        part_labels = [label for _, label in _rows(builder, part, columns)]
        labels += part_labels
        test += [part != "train"] * len(part_labels)
    if min(labels, default=0) < 0:
        raise errors.DataError(
            f"{name} must have a class for every image. Received: images of "
            f"split {parts[-1]} without class."
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
        test=np.array(test) if any(test) else held_out.draw(len(labels)),
        classes=builder.info.features[columns[1]].names,
        key={"tfds": builder.info.full_name, "counts": len(labels)},
        folder=pathlib.Path(builder.data_dir),
        cache_dir=cache_dir,
        notes=() if any(test) else (held_out.NOTE,),
    )


def _columns(name, info):
    """Returns the names of the image feature and of the class feature."""
    import tensorflow_datasets as tfds

    named, columns = info.supervised_keys or ("image", "label"), []
    for kind in (tfds.features.Image, tfds.features.ClassLabel):
        names = [k for k, f in info.features.items() if isinstance(f, kind)]
        columns.append([k for k in names if k in named] or names)
    counts = [len(names) for names in columns]
    if counts != [1, 1] or "train" not in info.splits:
        raise errors.DataError(
            f"{name} must have one image and one class in each example, and a "
            f"split train. Received: features "
            f"{', '.join(sorted(info.features))}; splits "
            f"{', '.join(info.splits)}."
        )
    return [key for (key,) in columns]


def _rows(builder, part, columns):
    """Yields each image of a split, still encoded, and its class number."""
    import tensorflow_datasets as tfds

    image, label = columns
    decoders = tfds.decode.PartialDecoding(
        {image: True, label: True}, decoders={image: tfds.decode.SkipDecoding()}
    )
    for row in tfds.as_numpy(builder.as_dataset(split=part, decoders=decoders)):
        yield row[image], int(row[label])
