"""Pictures as pixels in a file: decoded once, and remembered by their facts.

A square is cut out of the centre and resized, as torchvision's `CenterCrop` and
`Resize` do with a picture of Pillow's.
"""

import concurrent.futures
import dataclasses
import functools
import itertools
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps

from lit_tf import errors
from lit_tf.data import derived_files, rows
from lit_tf.utils import atomic_files

_FORMAT = 1  # To be raised when what is kept changes its meaning.
_BLOCK = 512  # Pictures in memory at a time.
_BROKEN = 0.01  # Above this fraction something else is wrong.


@dataclasses.dataclass(frozen=True)
class Picture:
    """One that is to be decoded.

    Args:
        name: for messages.
        file: its path, or what is in it.
        values: of its attributes, `[attributes]`, 0 or 1.
    """

    name: str
    file: str | BinaryIO
    values: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decoded:
    """The pictures that could be read.

    Args:
        pixels: `[pictures, size, size, 3]`, RGB, uint8.
        labels: `[pictures, attributes]`, 0 or 1, uint8.
        places: of each among all that were given, `[pictures]`.
        broken: how many could not be read.
        folder: where they are.
    """

    pixels: rows.Rows
    labels: np.ndarray
    places: np.ndarray
    broken: int
    folder: pathlib.Path


def decode(
    pictures: Iterable[Picture],
    *,
    count: int,
    key: Mapping[str, Any],
    beside: pathlib.Path,
    size: int,
    crop: int,
) -> Decoded:
    """Returns the pixels of pictures, decoded where nobody had yet.

    Args:
        pictures: read once or not at all.
        count: how many there are.
        key: all that they depend on.
        beside: a folder, beside whose files they are kept.
        size: the side in pixels of what is returned.
        crop: the side in pixels of the square that is cut out first; 0, and of
            a picture that is smaller, its largest square.

    Raises:
        DataError: more than one in a hundred is broken, or there is no room.
    """

    def read(folder, facts):
        places = np.load(folder / "places.npy", allow_pickle=False)
        shape = (len(places), size, size, 3)
        return Decoded(
            pixels=derived_files.map_rows(folder / "pixels.bin", shape),
            labels=np.load(folder / "labels.npy", allow_pickle=False),
            places=places,
            broken=facts["broken"],
            folder=folder,
        )

    return derived_files.load_or_create(
        "pictures",
        {**key, "format": _FORMAT, "size": size, "crop": crop},
        source=beside,
        read=read,
        write=functools.partial(_write, pictures, count, size, crop),
    )


def _write(pictures, count, size, crop, folder):
    print(
        f"decoding {count:,} pictures once, to {folder.parent}/ …", flush=True
    )

    def attempt(picture):
        try:
            return _pixels(picture.file, size, crop)
        except Exception as error:  # Whatever a broken file provokes.
            return error

    labels, places, broken = [], [], []
    numbered = enumerate(pictures)
    # Pillow decodes and resizes without Python's lock: threads are enough.
    with (
        (folder / "pixels.bin").open("wb") as file,
        concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        length = count * size * size * 3
        atomic_files.reserve(file, length, folder=f"{folder.parent}/")
        while block := list(itertools.islice(numbered, _BLOCK)):
            found = pool.map(attempt, (picture for _, picture in block))
            for (place, picture), pixels in zip(block, found, strict=True):
                if isinstance(pixels, Exception):
                    broken.append((picture.name, pixels))
                    continue
                file.write(pixels)
                labels.append(picture.values)
                places.append(place)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
    if len(broken) > _BROKEN * count:
        name, reason = broken[0]
        raise errors.DataError(
            f"{len(broken):,} of {count:,} pictures cannot be decoded, more "
            f"than {_BROKEN:.0%}. The first: {name} ({errors.line(reason)})."
        )
    np.save(folder / "labels.npy", np.array(labels, np.uint8))
    np.save(folder / "places.npy", np.array(places, np.int64))
    return {"broken": len(broken)}


def _pixels(file, size, crop):
    with Image.open(file) as image:
        image = _rgb(ImageOps.exif_transpose(image))
    side = min(image.size)
    side = min(crop or side, side)
    left, top = (round((length - side) / 2) for length in image.size)
    # Cut out first: `resize` with a box would look beyond its borders.
    square = image.crop((left, top, left + side, top + side))
    return square.resize((size, size), Image.Resampling.BILINEAR).tobytes()


def _rgb(image):
    if image.mode.startswith("I;16"):  # `convert` would take most for white.
        deep = np.asarray(image) >> 8
        image = Image.fromarray(deep.astype(np.uint8))
    return image.convert("RGB")
