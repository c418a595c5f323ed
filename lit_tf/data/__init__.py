"""Table of datasets by name, and `load`, which reads one of them.

To add a dataset, write one file and add one line to `DATASETS`.
"""

import dataclasses
import pathlib

from lit_tf import config, errors
from lit_tf.config import generators
from lit_tf.data import (
    arrays,
    augmented,
    celeba,
    cifar,
    class_folders,
    digits,
    encoded,
    held_out,
    image_classes,
    image_folder,
    image_tensors,
    length_buckets,
    reviews,
    tables,
    tfds,
    tfrecords,
)
from lit_tf.data.dataset import Dataset, Source, Split, named_arrays
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
    """Replaces the dataset "auto" in settings by a name.

    Without a data folder the name is `digits`. Otherwise the files in the
    folder decide between the formats for a user's own data.

    Args:
        settings: settings of the data.
        data_dir: the data folder or file; "" for none.

    Returns:
        The settings, with `dataset` set to a name that `source` accepts.

    Raises:
        SettingsError: if no dataset has the name in the settings.
        DataError: if the folder does not exist or its files match no format.
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
        raise errors.DataError(f"--data_dir={data_dir!r} does not exist.")
    found = _kinds(path)
    if len(found) > 1:
        described = " and ".join(f"{v} ({k})" for k, v in found.items())
        raise errors.DataError(
            f"The files in --data_dir={data_dir!r} fit several datasets. "
            f"Received: {described}. Name one with "
            f"{' or '.join(f'--dataset={name}' for name in found)}."
        )
    if found:
        return next(iter(found))
    raise errors.DataError(
        f"The files in --data_dir={data_dir!r} do not show which dataset it "
        "is: there is no .npz file, no train*.tfrecord, no folder of images "
        "for each class, no train.csv and no attributes.csv. Name the dataset "
        "with --dataset."
    )


def _kinds(path):
    """Returns the datasets that the files in a folder fit, and the files."""
    if path.is_file():
        return {"npz": path.name} if path.suffix == ".npz" else {}
    if (path / generators.LISTING).is_file():  # The images are in folders.
        return {"image_folder": generators.LISTING}
    found = {}
    if files := arrays.files_in(path):
        found["npz"] = files[0].name
    if tables.is_training_folder(path):
        found["csv"] = "train.csv"
    if files := tfrecords.training_files(path):
        found["tfrecords"] = files[0].name
    if path.is_dir() and class_folders.present(path, several=bool(found)):
        found["image_classes"] = "folders of images"
    return found


def source(name: str) -> Source:
    """Returns the source of a dataset.

    Args:
        name: a name in `DATASETS`, or `tfds:` and a name in TensorFlow
            Datasets.

    Raises:
        SettingsError: if there is no such dataset. The message names the
            nearest.
    """
    if name.startswith(tfds.PREFIX):
        return tfds.source(name)
    if name not in DATASETS:
        raise errors.SettingsError(errors.unknown("dataset", name, DATASETS))
    return DATASETS[name]


def load(
    settings: config.Data,
    *,
    data_dir: str = "",
    download: bool = False,
    cache_dir: str = "",
    encoder: encoded.Encoder | None = None,
    image_layers: augmented.ImageLayers | None = None,
) -> Dataset:
    """Loads a dataset with its validation split.

    These are the dataset's own validation examples or, without any, a fraction
    of the training examples. With `validation_fraction` 0 there are none.

    Args:
        settings: name of the dataset, validation fraction and split seed,
            sizes of images and texts, augmentation.
        data_dir: the folder with the dataset's files; not used by `digits`.
        download: whether TensorFlow Datasets may download missing files.
        cache_dir: the folder for decoded images and encoded texts; "" for
            `lit_tf` in the user's cache folder.
        encoder: the function that encodes texts; None for character codes.
        image_layers: `lit_tf.layers.ImageLayers`, for settings with color
            jitter, hue or RandAugment; None for others.

    Raises:
        SettingsError: if no dataset has that name, a split would be empty, or
            the dataset has no texts to encode.
        DataError: if files are missing or damaged.
    """
    settings = named(settings, data_dir)
    found, encoding = source(settings.dataset), {}
    if encoder is not None:
        errors.require(
            found.texts,
            "A preprocessor of texts needs a dataset of texts, such as csv.",
            dataset=settings.dataset,
        )
        encoding = {"encoder": encoder}
    loaded = found.load(data_dir, download, settings, cache_dir, **encoding)
    loaded = dataclasses.replace(loaded, crop=_augmentation(loaded, settings))
    loaded = augmented.augmented(
        loaded,
        settings.augmentation,
        classes=len(loaded.classes) if loaded.task == "classes" else 0,
        image_layers=image_layers,
    )
    train, validation = loaded.train, loaded.validation
    if validation is None:
        train, validation = held_out.divide(
            train,
            validation_fraction=settings.validation_fraction,
            seed=settings.split_seed,
        )
    elif not settings.validation_fraction:
        validation = None
    buckets = None
    if settings.length_buckets:
        buckets = length_buckets.of(train.inputs, settings.length_buckets)
    return dataclasses.replace(
        loaded, train=train, validation=validation, buckets=buckets
    )


def _augmentation(loaded, settings):
    """Returns the dataset's augmentation, changed as the settings say."""
    changed = {}
    if settings.pad >= 0:
        changed["pad"] = settings.pad
    if settings.flip != "auto":
        changed["flip"] = settings.flip == "on"
    inputs = named_arrays(loaded.train.inputs)
    images = [array for _, array in inputs if image_tensors.is_image(array)]
    if changed and not images:
        raise errors.SettingsError(
            f"`pad` and `flip` apply to images; {loaded.name} has no images."
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
