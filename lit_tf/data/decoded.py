"""Decoded images in a file: decoded once, then found by their key."""

import dataclasses
import functools
import itertools
import math
import os
import pathlib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from lit_tf import errors
from lit_tf.data import derived_files, image_pixels, rows, undecoded
from lit_tf.utils import atomic_files, npz_files

_FORMAT = 1  # Increase it when the meaning of the stored files changes.
_BLOCK = 512  # Images in memory at a time.
_STORED = 4 * 2**30  # Bytes of pixels that are stored unless asked for.


@dataclasses.dataclass(frozen=True)
class ImageFile:
    """An image to decode.

    Args:
        name: the name for messages.
        file: the path, or an open file.
        values: values of the attributes, `[attributes]`, 0 or 1.
    """

    name: str
    file: str | BinaryIO
    values: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decoded:
    """The images that could be decoded.

    Args:
        pixels: `[images, height, width, channels]`, RGB or grey, uint8.
        labels: values of the attributes, `[images, attributes]`, 0 or 1, uint8.
        places: position of each image in the input order, `[images]`.
        broken: number of images that could not be decoded.
        first_broken: names of the first of them, and the reasons.
        folder: the folder that holds them; None if they are decoded at every
            read.
    """

    pixels: rows.Rows
    labels: np.ndarray
    places: np.ndarray
    broken: int
    first_broken: tuple[str, ...]
    folder: pathlib.Path | None

    @property
    def decoding(self) -> str:
        """When the images are decoded, "once" or "always"."""
        return "always" if self.folder is None else "once"

    @property
    def storage(self) -> str:
        """Where the pixels are, for the user."""
        if self.folder is None:
            return "decoded at every read"
        return f"decoded in {self.folder}/"

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user about images that are broken."""
        if not self.broken:
            return ()
        names = "; ".join(self.first_broken)
        rest = self.broken - len(self.first_broken)
        more = f" and {rest:,} more" if names and rest else ""
        return (f"broken and skipped: {self.broken:,}: {names}{more}",)


def decode(
    images: Iterable[ImageFile],
    *,
    count: int,
    key: Mapping[str, Any],
    folder: pathlib.Path,
    cache_dir: str,
    shape: tuple[int, int, int],
    crop: int,
    decoding: str,
    groups: Sequence[int] | None = None,
) -> Decoded:
    """Returns decoded images; decodes them unless an earlier call did.

    Args:
        images: the images; iterated over at most once.
        count: the number of images.
        key: everything that the images depend on.
        folder: the folder of the original files.
        cache_dir: the folder to store the pixels in; "" for the user's cache.
        shape: height and width of a returned image in pixels, and 3 channels
            for RGB or 1 for grey.
        crop: side in pixels of the square that is cropped before resizing. If
            it is 0 or larger than the image, the largest rectangle of the
            proportions of `shape` is cropped.
        decoding: "once" to store the pixels, "always" to decode images in files
            at every read. "auto" is "once" for pixels of at most 4 GiB, for
            those that an earlier call stored, and for images that are in no
            files of their own or without groups.
        groups: number of the group of each image, whose others may take the
            place of one that breaks later; None for no groups.

    Raises:
        SettingsError: if images in no files, or without groups, are to be
            decoded always.
        DataError: if more than one image in a hundred is broken, or the disk
            has no room.
    """
    first, images = _first(images)
    in_files = first is not None and isinstance(first.file, str)
    in_files = in_files and groups is not None
    errors.require(
        decoding != "always" or in_files,
        "`decoding` can be 'always' for images with classes, in files of their "
        "own.",
        decoding=decoding,
    )

    size, *_ = shape
    key = {**key, "format": _FORMAT, "size": size, "crop": crop}
    # Another key, or another name, would not find what earlier versions stored.
    if shape != (size, size, 3):
        key["shape"] = list(shape)  # As JSON returns it.
    large = decoding == "auto" and count * math.prod(shape) > _STORED
    live = decoding == "always" or (large and in_files)
    found = None
    if decoding != "always":
        found = derived_files.load_or_create(
            "pictures",
            key,
            source=folder,
            cache_dir=cache_dir,
            portable=False,
            read=functools.partial(_read, count, shape),
            write=None
            if live
            else functools.partial(_write, images, count, shape, crop),
        )
    if found is None:
        found = _undecoded(list(images), groups, key, shape, crop)
    return found


def _first(images):
    """Returns the first image, None for none, and all of them."""
    images = iter(images)
    first = next(images, None)
    return first, images if first is None else itertools.chain([first], images)


def _undecoded(images, groups, key, shape, crop):
    """Returns images that stay in their files."""
    return Decoded(
        pixels=undecoded.UndecodedImages(
            [image.name for image in images],
            [image.file for image in images],
            np.asarray(groups),
            shape=shape,
            crop=crop,
            key=key,
        ),
        labels=np.array([image.values for image in images], np.uint8),
        places=np.arange(len(images)),
        broken=0,
        first_broken=(),
        folder=None,
    )


def _read(count, shape, folder, facts):
    """Returns the images that an earlier call stored."""
    places = npz_files.read_array(folder / "places.npy")
    labels = npz_files.read_array(folder / "labels.npy")
    _check(places, labels, count)
    file = folder / "pixels.bin"
    return Decoded(
        pixels=derived_files.map_rows(file, (len(places), *shape)),
        labels=labels,
        places=places,
        broken=int(facts["broken"]),
        # Not in the folders of version 0.1.
        first_broken=tuple(map(str, facts.get("first_broken", ()))),
        folder=folder,
    )


def _check(places, labels, count):
    """Raises `ValueError` unless stored places are some of those of images."""
    if places.ndim != 1 or places.dtype.kind != "i" or labels.ndim != 2:
        raise ValueError("The stored places or labels have another form.")
    ordered = (np.diff(places, prepend=-1, append=count) > 0).all()
    if not ordered or len(labels) != len(places):
        raise ValueError("The stored places are not those of the images.")


def _write(images, count, shape, crop, folder):
    print(f"decoding {count:,} images once, to {folder.parent}/ …", flush=True)

    def attempt(image):
        try:
            return image_pixels.read(image.file, shape, crop)
        except Exception as error:  # Broken files raise many kinds of errors.
            return error

    labels, places, broken = [], [], []
    numbered = enumerate(images)
    with (
        (folder / "pixels.bin").open("wb") as file,
        warnings.catch_warnings(),  # Pillow's, of odd files.
        image_pixels.threads() as pool,
    ):
        warnings.simplefilter("ignore")
        length = count * math.prod(shape)
        atomic_files.reserve(file, length, folder=f"{folder.parent}/")
        while block := list(itertools.islice(numbered, _BLOCK)):
            results = pool.map(attempt, (image for _, image in block))
            for (place, image), content in zip(block, results, strict=True):
                if isinstance(content, Exception):
                    reason = errors.line(content)
                    broken.append(undecoded.named(image.name, reason))
                    continue
                file.write(content)
                labels.append(image.values)
                places.append(place)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
    if len(broken) > undecoded.BROKEN * count:
        raise errors.DataError(
            f"{len(broken):,} of {count:,} images cannot be decoded, more "
            f"than {undecoded.BROKEN:.0%}. The first: {broken[0]}."
        )
    np.save(folder / "labels.npy", np.array(labels, np.uint8))
    np.save(folder / "places.npy", np.array(places, np.int64))
    return {"broken": len(broken), "first_broken": broken[: undecoded.NAMED]}
