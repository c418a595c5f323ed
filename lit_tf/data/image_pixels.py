"""The pixels of an image file: decoded, cropped from the center, resized.

The largest rectangle of the wanted proportions is cropped and resized, as
torchvision's `CenterCrop` and `Resize` do with a Pillow image.
"""

import concurrent.futures
import contextlib
import os
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from lit_tf.data import image_files


def read(
    file: str | os.PathLike | BinaryIO, shape: tuple[int, int, int], crop: int
) -> bytes:
    """Returns the pixels of an image, row by row.

    Args:
        file: the path, or an open file.
        shape: height and width in pixels, and 3 channels for RGB or 1 for grey.
        crop: side in pixels of the square that is cropped before resizing. If
            it is 0 or larger than the image, the largest rectangle of the
            proportions of `shape` is cropped.

    Raises:
        Exception: of many kinds, if the file is damaged.
    """
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


@contextlib.contextmanager
def threads() -> Iterator[concurrent.futures.ThreadPoolExecutor]:
    """Yields a thread for each core, in which Pillow decodes and resizes.

    Pillow releases Python's lock to do so.
    """
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    try:
        yield pool
    finally:
        # After a signal, images that wait for a thread are not decoded.
        pool.shutdown(cancel_futures=True)
