"""Data sets by name. Adding one is a file and a line in `DATASETS`."""

import dataclasses

import numpy as np

from lit_tf import config, errors
from lit_tf.data import celeba, cifar, digits, image_folder, reviews
from lit_tf.data.dataset import Dataset, Source, Split

DATASETS = {
    "digits": digits.SOURCE,
    "cifar10": cifar.CIFAR10,
    "cifar100": cifar.CIFAR100,
    "amazon_full": reviews.AMAZON_FULL,
    "amazon_polarity": reviews.AMAZON_POLARITY,
    "csv": reviews.CSV,
    "celeba": celeba.SOURCE,
    "image_folder": image_folder.SOURCE,
}


def check(name: str) -> None:
    """Raises `SettingsError`, with the nearest name, unless it is known."""
    if name not in DATASETS:
        raise errors.SettingsError(errors.unknown("data set", name, DATASETS))


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
    check(settings.dataset)
    loaded = DATASETS[settings.dataset].load(data_dir, download, settings)
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


__all__ = ["DATASETS", "Dataset", "Source", "Split", "check", "load"]
