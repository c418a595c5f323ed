"""Pictures with attributes as a data set: what their layouts have in common."""

import dataclasses
import hashlib
import os
import pathlib
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from lit_tf import config, errors
from lit_tf.data import augment, decoded, derived_files, listings
from lit_tf.data.dataset import Dataset, Groups, Source, Split

_CROP = augment.Crop(flip=True)
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
# The published StarGAN's: its test pictures are ours.
_TEST, _TEST_SEED = 1999, 1234


@dataclasses.dataclass(frozen=True, kw_only=True)
class Habit:
    """What is chosen for a data set where the settings choose nothing.

    Args:
        name: of the data set.
        attributes: those that are learned; () for all that are listed.
        exclusive: groups; of each, those that are learned exclude each other.
        crop_size: side in pixels; 0 for the largest square.
    """

    name: str
    attributes: tuple[str, ...] = ()
    exclusive: Groups = ()
    crop_size: int = 0

    def attributes_of(self, settings: config.Data) -> tuple[str, ...]:
        """Returns what is learned; () for all that are listed."""
        return settings.attributes or self.attributes

    def groups_of(
        self, settings: config.Data, attributes: tuple[str, ...]
    ) -> Groups:
        """Returns the groups of attributes that exclude each other.

        Args:
            settings: of the data.
            attributes: that are learned.

        Raises:
            SettingsError: a group has one that is not learned.
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
    """Pictures that were found, yet undecoded.

    Args:
        pictures: read once or not at all.
        attributes: the names of all that are known of each.
        test: whether each picture is to test on, `[pictures]`.
        key: all that the pictures depend on.
        beside: their folder.
        notes: words for the user.
    """

    pictures: Iterable[decoded.Picture]
    attributes: tuple[str, ...]
    test: np.ndarray
    key: Mapping[str, Any]
    beside: pathlib.Path
    notes: tuple[str, ...] = ()


def root(data_dir: str) -> pathlib.Path | None:
    """Returns the folder of a data set, None where none is named.

    Raises:
        DataError: there is no such folder.
    """
    if data_dir and not pathlib.Path(data_dir).is_dir():
        raise errors.DataError(f"--data_dir={data_dir!r} is no folder.")
    return pathlib.Path(data_dir) if data_dir else None


def collection(
    listing: listings.Listing,
    folder: pathlib.Path,
    *,
    test: np.ndarray,
    notes: tuple[str, ...] = (),
) -> Collection:
    """Returns the pictures of a list that are in a folder.

    Args:
        listing: which there should be.
        folder: of the pictures, and of folders of them.
        test: whether each picture is to test on, `[pictures]`.
        notes: words for the user.

    Raises:
        DataError: pictures of the list are not there.
    """
    there = _files_in(folder)
    missing = [name for name in listing.names if name not in there]
    if missing and not any(map(is_picture, there)):
        raise errors.DataError(f"{folder}/ holds no pictures.")
    if missing:
        raise errors.DataError(
            f"Every picture of {listing.source.name} must be in {folder}/. "
            f"Received: {len(missing):,} missing, the first {missing[0]}."
        )
    others = sorted(filter(is_picture, there.difference(listing.names)))
    if others:
        notes = (
            *notes,
            f"not in {listing.source.name} and passed over: {len(others):,}, "
            f"the first {others[0]}",
        )
    return Collection(
        pictures=(
            decoded.Picture(name, os.path.join(folder, name), values)
            for name, values in zip(listing.names, listing.values, strict=True)
        ),
        attributes=listing.attributes,
        test=test,
        key=_key(listing, folder),
        beside=listing.source.parent,
        notes=notes,
    )


def drawn(count: int) -> np.ndarray:
    """Returns which pictures are to test on: a tenth, at most 1,999.

    From 20,000 pictures on, those that the published StarGAN takes from a list
    as long.

    Args:
        count: of pictures.

    Returns:
        Whether each is, `[count]`.
    """
    order = list(range(count))
    random.Random(_TEST_SEED).shuffle(order)
    test = np.zeros(count, bool)
    test[order[: max(1, min(count // 10, _TEST))]] = True
    return test


def dataset(habit: Habit, settings: config.Data, found: Collection) -> Dataset:
    """Returns pictures and the chosen attributes as a data set.

    Args:
        habit: what is chosen by default.
        settings: which attributes, and the pictures' size.
        found: the pictures.

    Raises:
        SettingsError: there is no such attribute, or the size is not a
            multiple of 4.
        DataError: as `decoded.decode`; or a split is empty.
    """
    # A generator halves them twice. Said before hours of decoding.
    errors.require(
        settings.image_size % 4 == 0,
        "`image_size` of pictures with attributes must be a multiple of 4.",
        image_size=settings.image_size,
    )
    attributes = habit.attributes_of(settings) or found.attributes
    for name in attributes:
        _check_known(name, found.attributes)
    exclusive = habit.groups_of(settings, attributes)
    pictures = decoded.decode(
        found.pictures,
        count=len(found.test),
        key=found.key,
        beside=found.beside,
        size=settings.image_size,
        crop=settings.crop_size or habit.crop_size,
    )
    columns = [found.attributes.index(name) for name in attributes]
    everything = Split(
        pictures.pixels, pictures.labels[:, columns].astype(np.float32)
    )
    test = found.test[pictures.places]
    train, test = (
        everything.take(np.flatnonzero(chosen)) for chosen in (~test, test)
    )
    if not len(train) or not len(test):
        raise errors.DataError(
            "There must be pictures to train and to test on. Received: "
            f"{len(train)} and {len(test)}."
        )
    notes = [
        f"{len(train):,} training and {len(test):,} test pictures",
        *found.notes,
        f"decoded in {pictures.folder}/",
    ]
    if pictures.broken:
        notes.insert(1, f"broken and passed over: {pictures.broken:,}")
    return Dataset(
        name=habit.name,
        train=train,
        test=test,
        classes=attributes,
        stem={"attributes": attributes},
        crop=_CROP,
        task="images",
        exclusive=exclusive,
        note="; ".join(notes),
    )


def source(habit: Habit, load: Callable[..., Dataset]) -> Source:
    """Returns the entry of `DATASETS` that a habit and a loader make.

    Args:
        habit: what is chosen by default.
        load: as `Source.load`.
    """

    def exclusive(settings):
        return habit.groups_of(settings, habit.attributes_of(settings))

    return Source(
        load=load,
        input_shape=lambda settings: (*[settings.image_size] * 2, 3),
        classes=habit.attributes_of,
        stem=lambda settings: {"attributes": habit.attributes_of(settings)},
        crop=_CROP,
        task="images",
        exclusive=exclusive,
    )


def _check_known(name, attributes):
    if name not in attributes:
        raise errors.SettingsError(
            errors.unknown("attribute", name, attributes)
        )


def is_picture(name: str) -> bool:
    """Returns whether a file's name ends as one of a picture."""
    return name.lower().endswith(_SUFFIXES)


def _files_in(root):
    """Returns the names of the files in a folder and in those within it."""
    found = set()
    for folder, _, names in os.walk(root, followlinks=True):
        within = pathlib.Path(folder).relative_to(root)
        inside = "" if within == pathlib.Path() else f"{within.as_posix()}/"
        found.update(f"{inside}{name}" for name in names)
    return found


def _key(listing, folder):
    """Returns what tells whether a list or its pictures have changed."""
    known = derived_files.fingerprint(
        (name, os.path.join(folder, name)) for name in listing.names
    )
    with listing.source.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": sha256, "pictures": known}
