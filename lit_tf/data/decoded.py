"""Decoded images in a file: decoded once, then found by their key.

The largest rectangle of the wanted proportions is cropped from the centre and
resized, as torchvision's `CenterCrop` and `Resize` do with a Pillow image.
"""

import concurrent.futures
import contextlib
import dataclasses
import functools
import itertools
import math
import os
import pathlib
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps

from lit_tf import errors
from lit_tf.data import derived_files, image_files, rows
from lit_tf.utils import atomic_files, npz_files

_FORMAT = 1  # Increase it when the meaning of the stored files changes.
_BLOCK = 512  # Images in memory at a time.
_BROKEN = 0.01  # A larger fraction of broken images has another cause.
_NAMED = 5  # Broken images that are named.
_LONGEST = 500  # Characters of a name with its reason.


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
        folder: the folder that holds them.
    """

    pixels: rows.Rows
    labels: np.ndarray
    places: np.ndarray
    broken: int
    first_broken: tuple[str, ...]
    folder: pathlib.Path

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

    Raises:
        DataError: if more than one image in a hundred is broken, or the disk
            has no room.
    """

    def read(place, facts):
        places = npz_files.read_array(place / "places.npy")
        labels = npz_files.read_array(place / "labels.npy")
        _check(places, labels, count)
        pixels = place / "pixels.bin"
        return Decoded(
            pixels=derived_files.map_rows(pixels, (len(places), *shape)),
            labels=labels,
            places=places,
            broken=int(facts["broken"]),
            # Not in the folders of version 0.1.
            first_broken=tuple(map(str, facts.get("first_broken", ()))),
            folder=place,
        )

    size, *_ = shape
    key = {**key, "format": _FORMAT, "size": size, "crop": crop}
    # Another key, or another name, would not find what earlier versions stored.
    if shape != (size, size, 3):
        key["shape"] = list(shape)  # As JSON returns it.
    return derived_files.load_or_create(
        "pictures",
        key,
        source=folder,
        cache_dir=cache_dir,
        portable=False,
        read=read,
        write=functools.partial(_write, images, count, shape, crop),
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
            return _pixels(image.file, shape, crop)
        except Exception as error:  # Broken files raise many kinds of errors.
            return error

    labels, places, broken = [], [], []
    numbered = enumerate(images)
    # Pillow releases Python's lock to decode and resize: threads suffice.
    with (
        (folder / "pixels.bin").open("wb") as file,
        warnings.catch_warnings(),  # Pillow's, of odd files.
        _threads() as pool,
    ):
        warnings.simplefilter("ignore")
        length = count * math.prod(shape)
        atomic_files.reserve(file, length, folder=f"{folder.parent}/")
        while block := list(itertools.islice(numbered, _BLOCK)):
            results = pool.map(attempt, (image for _, image in block))
            for (place, image), pixels in zip(block, results, strict=True):
                if isinstance(pixels, Exception):
                    reason = errors.line(pixels)
                    broken.append(f"{image.name} ({reason})"[:_LONGEST])
                    continue
                file.write(pixels)
                labels.append(image.values)
                places.append(place)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
    if len(broken) > _BROKEN * count:
        raise errors.DataError(
            f"{len(broken):,} of {count:,} images cannot be decoded, more "
            f"than {_BROKEN:.0%}. The first: {broken[0]}."
        )
    np.save(folder / "labels.npy", np.array(labels, np.uint8))
    np.save(folder / "places.npy", np.array(places, np.int64))
    return {"broken": len(broken), "first_broken": broken[:_NAMED]}


@contextlib.contextmanager
def _threads():
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    try:
        yield pool
    finally:
        # After a signal, images that wait for a thread are not decoded.
        pool.shutdown(cancel_futures=True)


def _pixels(file, shape, crop):
    height, width, channels = shape
    with image_files.opened(file) as image:
        kind = image.format
        # Nothing is copied without need: a large image takes hundreds of
        # megabytes.
        ImageOps.exif_transpose(image, in_place=True)
        image = _cropped(_rgb(image, kind), height, width, crop)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
        return (image if channels == 3 else image.convert("L")).tobytes()


def _cropped(image, height, width, crop):
    """Returns the largest centred part of the proportions height : width."""
    size = image.size
    if size[0] * height <= size[1] * width:
        part = size[0], max(1, round(size[0] * height / width))
    else:
        part = max(1, round(size[1] * width / height)), size[1]
    part = tuple(min(crop or length, length) for length in part)
    if size == part:
        return image
    left, top = (
        round((length - kept) / 2)
        for length, kept in zip(size, part, strict=True)
    )
    # Crop first: `resize` with a box would read pixels outside it.
    return image.crop((left, top, left + part[0], top + part[1]))


def _rgb(image, kind):
    """Returns an image of any mode in RGB; the low bits of deep ones are cut.

    Args:
        image: the image.
        kind: the format of its file, as Pillow calls it.
    """
    # Pillow's own conversion would clip most of these to white.
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ("I", "F"):
        image = Image.fromarray(_bytes(np.asarray(image), kind))
    elif image.mode in ("La", "RGBa"):
        image = image.convert(image.mode.upper())
    return image if image.mode == "RGB" else image.convert("RGB")


def _bytes(pixels, kind):
    """Returns one channel of 32 bits as bytes, by the range of its values."""
    if pixels.dtype.kind == "f":
        if not np.isfinite(pixels).all():
            raise ValueError("its pixels are not finite")
        # Floats are in [0, 1], unless they are not.
        pixels = pixels * 255 if pixels.max(initial=0) <= 1 else pixels
    if kind == "PPM" and pixels.dtype.kind == "i":
        pixels = pixels / 256  # Pillow scales these to 16 bits.
    while pixels.max(initial=0) > 255:
        pixels = pixels / 256
    return np.clip(pixels, 0, 255).astype(np.uint8)
