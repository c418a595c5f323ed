"""Images with attributes as a dataset: code that the layouts share."""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from lit_tf import config, errors
from lit_tf.data import crops, decoded, derived_files, image_files, listings
from lit_tf.data.dataset import Dataset, Groups, Source, Split

_CROP = crops.Crop(flip=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Defaults:
    """Values that a dataset uses where the settings leave them open.

    Args:
        name: the dataset's name.
        attributes: names of the attributes to learn; () for all listed ones.
        exclusive: groups of mutually exclusive attributes. Attributes that are
            not learned are ignored.
        crop_size: side of the centre crop in pixels; 0 for the largest square.
    """

    name: str
    attributes: tuple[str, ...] = ()
    exclusive: Groups = ()
    crop_size: int = 0

    def attributes_of(self, settings: config.Data) -> tuple[str, ...]:
        """Returns the attributes to learn; () for all listed ones."""
        return settings.attributes or self.attributes

    def groups_of(
        self, settings: config.Data, attributes: tuple[str, ...]
    ) -> Groups:
        """Returns the groups of mutually exclusive attributes.

        Args:
            settings: settings of the data.
            attributes: names of the attributes to learn.

        Raises:
            SettingsError: if a group in the settings has an attribute that is
                not learned.
        """
        if settings.exclusive:
            for name in (name for group in settings.groups for name in group):
                _check_known(name, attributes)
            return settings.groups
        learned = (
            tuple(name for name in group if name in attributes)
            for group in self.exclusive
        )
        return tuple(group for group in learned if len(group) > 1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Collection:
    """Image files with their attributes, not yet decoded.

    Args:
        images: the image files; read at most once.
        attributes: names of all attributes that are known of each image.
        test: whether each image is in the test split, `[images]`.
        key: everything that the decoded images depend on.
        folder: the folder of the files.
        notes: sentences for the user.
    """

    images: Iterable[decoded.ImageFile]
    attributes: tuple[str, ...]
    test: np.ndarray
    key: Mapping[str, Any]
    folder: pathlib.Path
    notes: tuple[str, ...] = ()


def collection(
    listing: listings.Listing,
    folder: pathlib.Path,
    *,
    test: np.ndarray,
    notes: tuple[str, ...] = (),
) -> Collection:
    """Returns the listed images of a folder.

    Args:
        listing: names and attributes of the images.
        folder: the folder with the images, in subfolders if their names say so.
        test: whether each image is in the test split, `[images]`.
        notes: sentences for the user.

    Raises:
        DataError: if listed images are missing.
    """
    present = image_files.names_in(folder)
    missing = [name for name in listing.names if name not in present]
    if missing and not any(map(_is_visible_image, present)):
        raise errors.DataError(f"{folder}/ holds no images.")
    if missing:
        raise errors.DataError(
            f"Every image of {listing.source.name} must be in {folder}/. "
            f"Received: {len(missing):,} missing, the first "
            f"{image_files.printable(missing[0])}."
        )
    unlisted = present.difference(listing.names)
    unlisted = sorted(filter(_is_visible_image, unlisted))
    if unlisted:
        notes = (
            *notes,
            f"not in {listing.source.name} and skipped: {len(unlisted):,}, "
            f"the first {image_files.printable(unlisted[0])}",
        )
    return Collection(
        images=(
            decoded.ImageFile(
                image_files.printable(name), os.path.join(folder, name), values
            )
            for name, values in zip(listing.names, listing.values, strict=True)
        ),
        attributes=listing.attributes,
        test=test,
        key=_key(listing, folder),
        folder=listing.source.parent,
        notes=notes,
    )


def dataset(
    defaults: Defaults,
    settings: config.Data,
    collected: Collection,
    cache_dir: str = "",
) -> Dataset:
    """Returns images and the chosen attributes as a dataset.

    Args:
        defaults: values where the settings leave them open.
        settings: the attributes, and the size of the images.
        collected: the image files; decoded here unless decoded before.
        cache_dir: the folder to store the pixels in; "" for the user's cache.

    Raises:
        SettingsError: if there is no such attribute, the size is not a multiple
            of 4, or the images are not square.
        DataError: if `decoded.decode` raises it, or a split is empty.
    """
    # A generator halves the size twice. Check it before hours of decoding.
    errors.require(
        settings.image_size % 4 == 0,
        "`image_size` of images with attributes must be a multiple of 4.",
        image_size=settings.image_size,
    )
    errors.require(
        settings.image_shape == (*[settings.image_size] * 2, 3),
        "Images with attributes are square and have three channels.",
        image_width=settings.image_width,
        image_channels=settings.image_channels,
    )
    attributes = defaults.attributes_of(settings) or collected.attributes
    for name in attributes:
        _check_known(name, collected.attributes)
    exclusive = defaults.groups_of(settings, attributes)
    images = decoded.decode(
        collected.images,
        count=len(collected.test),
        key=collected.key,
        folder=collected.folder,
        cache_dir=cache_dir,
        shape=settings.image_shape,
        crop=settings.crop_size or defaults.crop_size,
        decoding=settings.decoding,
    )
    columns = [collected.attributes.index(name) for name in attributes]
    labels = images.labels[:, columns].astype(np.float32)
    everything = Split(images.pixels, labels)
    is_test = collected.test[images.places]
    train, test = (
        everything.take(np.flatnonzero(chosen))
        for chosen in (~is_test, is_test)
    )
    if not len(train) or not len(test):
        raise errors.DataError(
            "There must be at least one training image and one test image. "
            f"Received: {len(train)} and {len(test)}."
        )
    notes = [
        f"{len(train):,} training and {len(test):,} test images",
        *images.notes,
        *collected.notes,
        images.storage,
    ]
    return Dataset(
        name=defaults.name,
        train=train,
        test=test,
        classes=attributes,
        stem={"attributes": attributes},
        crop=_CROP,
        task="images",
        exclusive=exclusive,
        note="; ".join(notes),
    )


def source(defaults: Defaults, load: Callable[..., Dataset]) -> Source:
    """Returns an entry of `DATASETS`.

    Args:
        defaults: values where the settings leave them open.
        load: the loader, as in `Source.load`.
    """

    def exclusive(settings):
        return defaults.groups_of(settings, defaults.attributes_of(settings))

    return Source(
        load=load,
        input_shape=lambda settings: (*[settings.image_size] * 2, 3),
        classes=defaults.attributes_of,
        stem=lambda settings: {"attributes": defaults.attributes_of(settings)},
        crop=_CROP,
        task="images",
        exclusive=exclusive,
    )


def _check_known(name, attributes):
    if name not in attributes:
        raise errors.SettingsError(
            errors.unknown("attribute", name, attributes)
        )


def _is_visible_image(name):
    visible = not any(map(image_files.is_hidden, name.split("/")))
    return visible and image_files.is_image(name)


def _key(listing, folder):
    """Returns a key that changes when the list or an image changes."""
    stamp = derived_files.fingerprint(
        (name, os.path.join(folder, name)) for name in listing.names
    )
    with listing.source.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    # Other names would not find what earlier versions stored.
    return {"sha256": sha256, "pictures": stamp}
