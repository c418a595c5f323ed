"""Decoded images in a file: decoded once, then found by their key.

A square is cropped from the centre and resized, as torchvision's `CenterCrop`
and `Resize` do with a Pillow image.
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

_FORMAT = 1  # Increase it when the meaning of the stored files changes.
_BLOCK = 512  # Images in memory at a time.
_BROKEN = 0.01  # A larger fraction of broken images has another cause.


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
        pixels: `[images, size, size, 3]`, RGB, uint8.
        labels: values of the attributes, `[images, attributes]`, 0 or 1, uint8.
        places: position of each image in the input order, `[images]`.
        broken: number of images that could not be decoded.
        folder: the folder that holds them.
    """

    pixels: rows.Rows
    labels: np.ndarray
    places: np.ndarray
    broken: int
    folder: pathlib.Path


def decode(
    images: Iterable[ImageFile],
    *,
    count: int,
    key: Mapping[str, Any],
    folder: pathlib.Path,
    size: int,
    crop: int,
) -> Decoded:
    """Returns decoded images; decodes them unless an earlier call did.

    Args:
        images: the images; iterated over at most once.
        count: the number of images.
        key: everything that the images depend on.
        folder: the folder of the original files; the pixels are stored next to
            them.
        size: side of a returned image in pixels.
        crop: side in pixels of the square that is cropped before resizing. If
            it is 0 or larger than the image, the largest square is cropped.

    Raises:
        DataError: if more than one image in a hundred is broken, or the disk
            has no room.
    """

    def read(place, facts):
        places = np.load(place / "places.npy", allow_pickle=False)
        shape = (len(places), size, size, 3)
        return Decoded(
            pixels=derived_files.map_rows(place / "pixels.bin", shape),
            labels=np.load(place / "labels.npy", allow_pickle=False),
            places=places,
            broken=facts["broken"],
            folder=place,
        )

    # Another name would not find what earlier versions stored.
    return derived_files.load_or_create(
        "pictures",
        {**key, "format": _FORMAT, "size": size, "crop": crop},
        source=folder,
        read=read,
        write=functools.partial(_write, images, count, size, crop),
    )


def _write(images, count, size, crop, folder):
    print(f"decoding {count:,} images once, to {folder.parent}/ …", flush=True)

    def attempt(image):
        try:
            return _pixels(image.file, size, crop)
        except Exception as error:  # Broken files raise many kinds of errors.
            return error

    labels, places, broken = [], [], []
    numbered = enumerate(images)
    # Pillow releases Python's lock to decode and resize: threads suffice.
    with (
        (folder / "pixels.bin").open("wb") as file,
        concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        length = count * size * size * 3
        atomic_files.reserve(file, length, folder=f"{folder.parent}/")
        while block := list(itertools.islice(numbered, _BLOCK)):
            results = pool.map(attempt, (image for _, image in block))
            for (place, image), pixels in zip(block, results, strict=True):
                if isinstance(pixels, Exception):
                    broken.append((image.name, pixels))
                    continue
                file.write(pixels)
                labels.append(image.values)
                places.append(place)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
    if len(broken) > _BROKEN * count:
        name, reason = broken[0]
        raise errors.DataError(
            f"{len(broken):,} of {count:,} images cannot be decoded, more "
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
    # Crop first: `resize` with a box would read pixels outside it.
    square = image.crop((left, top, left + side, top + side))
    return square.resize((size, size), Image.Resampling.BILINEAR).tobytes()


def _rgb(image):
    if image.mode.startswith("I;16"):  # `convert` would clip most to white.
        deep = np.asarray(image) >> 8
        image = Image.fromarray(deep.astype(np.uint8))
    return image.convert("RGB")
