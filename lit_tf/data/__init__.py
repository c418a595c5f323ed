"""Data sets by name. Adding one is a file and a line in `DATASETS`."""

import dataclasses
import pathlib

import numpy as np

from lit_tf import config, errors
from lit_tf.data import (
    arrays,
    celeba,
    cifar,
    digits,
    image_classes,
    image_folder,
    reviews,
    tfds,
    tfrecords,
)
from lit_tf.data.dataset import Dataset, Source, Split
from lit_tf.data.tensors import collected

DATASETS = {
    "digits": digits.SOURCE,
    "cifar10": cifar.CIFAR10,
    "cifar100": cifar.CIFAR100,
    "amazon_full": reviews.AMAZON_FULL,
    "amazon_polarity": reviews.AMAZON_POLARITY,
    "csv": reviews.CSV,
    "celeba": celeba.SOURCE,
    "image_folder": image_folder.SOURCE,
    "image_classes": image_classes.SOURCE,
    "npz": arrays.SOURCE,
    "tfrecords": tfrecords.SOURCE,
}
AUTO = "auto"


def named(settings: config.Data, data_dir: str = "") -> config.Data:
    """Returns settings that name a data set, where they leave it open.

    Without a folder that is `digits`; else one of your own, by what is in the
    folder.

    Raises:
        SettingsError: no data set has that name.
        DataError: the folder is not there, or what is in it tells nothing.
    """
    if settings.dataset == AUTO:
        return dataclasses.replace(settings, dataset=_recognized(data_dir))
    source(settings.dataset)
    return settings


def _recognized(data_dir):
    if not data_dir:
        return "digits"
    path = pathlib.Path(data_dir)
    if not path.exists():
        raise errors.DataError(f"--data_dir={data_dir!r} is not there.")
    if arrays.found(path):
        return "npz"
    if (path / "attributes.csv").is_file():
        return "image_folder"
    if (path / "train.csv").is_file():
        return "csv"
    if tfrecords.found(path):
        return "tfrecords"
    if path.is_dir() and image_classes.found(path):
        return "image_classes"
    raise errors.DataError(
        f"What is in --data_dir={data_dir!r} does not tell which data set it "
        "is: no .npz file, no train*.tfrecord, no folder of images for each "
        "class, no train.csv, no attributes.csv. Say it with --dataset."
    )


def source(name: str) -> Source:
    """Returns the data set of a name, or of one behind `tfds:`.

    Raises:
        SettingsError: there is none; the message names the nearest.
    """
    if name.startswith(tfds.PREFIX):
        return tfds.source(name)
    if name not in DATASETS:
        raise errors.SettingsError(errors.unknown("data set", name, DATASETS))
    return DATASETS[name]


def load(
    settings: config.Data, *, data_dir: str = "", download: bool = False
) -> Dataset:
    """Loads a data set and sets its validation split apart.

    Args:
        settings: which data set, how much of it validates, by which seed.
        data_dir: the folder that holds the official files; unused by `digits`.
        download: whether TensorFlow Datasets may fetch what is missing.

    Raises:
        SettingsError: no data set has that name, or a split would be empty.
        DataError: its files are missing or damaged.
    """
    settings = named(settings, data_dir)
    loaded = source(settings.dataset).load(data_dir, download, settings)
    loaded = dataclasses.replace(loaded, crop=_varied(loaded, settings))
    count = round(len(loaded.train) * settings.validation_fraction)
    if settings.validation_fraction and not 0 < count < len(loaded.train):
        raise errors.SettingsError(
            "`validation_fraction` must leave examples to train and to "
            f"validate on. Received: {settings.validation_fraction} of "
            f"{len(loaded.train)} examples."
        )
    if not count:
        return loaded
    order = np.random.default_rng(settings.split_seed).permutation(
        len(loaded.train)
    )
    return dataclasses.replace(
        loaded,
        train=loaded.train.take(np.sort(order[count:])),
        validation=loaded.train.take(np.sort(order[:count])),
    )


def _varied(loaded, settings):
    """Returns how training images vary, where the settings have a say."""
    changed = {}
    if settings.pad >= 0:
        changed["pad"] = settings.pad
    if settings.flip != "auto":
        changed["flip"] = settings.flip == "on"
    if changed and len(loaded.train.inputs.shape) != 4:
        raise errors.SettingsError(
            f"`pad` and `flip` are for images; {loaded.name} has none."
        )
    return dataclasses.replace(loaded.crop, **changed)


__all__ = [
    "AUTO",
    "DATASETS",
    "Dataset",
    "Source",
    "Split",
    "collected",
    "load",
    "named",
    "source",
]
