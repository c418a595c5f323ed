"""Folders of image files, and the files that are read as images."""

import dataclasses
import functools
import os
import pathlib
import re
from typing import BinaryIO

from PIL import Image

from lit_tf import errors
from lit_tf.utils import memory

# Formats of Pillow that are not read: EPS and IPTC, whose content may be a
# program that Ghostscript runs; those that Pillow only identifies; FITS, which
# unpacks any amount of data.
_NOT_READ = {"EPS", "IPTC", "BUFR", "GRIB", "HDF5", "MPEG", "WMF", "FITS"}
# An image may always need this much, for 89 million RGB pixels.
_IMAGE_BYTES = 2**28
# Folders and files that operating systems and programs write among the user's.
_SYSTEM = {
    "__macosx",
    "__pycache__",
    "@eadir",
    "#recycle",
    "$recycle.bin",
    "lost+found",
    "system volume information",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
}
_ENCODED = "encoded"
_ENCODED_ENTRY = re.compile(r"(pictures|\w+\.csv)-[0-9a-f]{16}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contents:
    """The files in a folder and in its subfolders, as paths below the folder.

    Args:
        images: files with an image suffix, sorted.
        others: other files, sorted.
        hidden: hidden files and folders, whose content is not listed.
    """

    images: tuple[pathlib.Path, ...]
    others: tuple[pathlib.Path, ...]
    hidden: tuple[pathlib.Path, ...]


def data_folder(data_dir: str) -> pathlib.Path | None:
    """Returns the data folder as a path; None if no folder is given.

    Raises:
        DataError: if there is no such folder.
    """
    if data_dir and not pathlib.Path(data_dir).is_dir():
        raise errors.DataError(f"--data_dir={data_dir!r} is not a folder.")
    return pathlib.Path(data_dir) if data_dir else None


def missing(what: str, data_dir: str) -> str:
    """Returns the sentence that says what a data folder does not hold.

    Args:
        what: the missing files, as in "No .npz file".
        data_dir: the data folder; "" if none was given.
    """
    if data_dir:
        return f"{what} in --data_dir={data_dir!r}."
    return f"{what}: --data_dir was not given."


@functools.cache
def formats() -> tuple[str, ...]:
    """Returns Pillow's names of the image formats that are read."""
    Image.init()
    return tuple(sorted(set(Image.OPEN) - _NOT_READ))


@functools.cache
def _suffixes():
    known = Image.registered_extensions().items()
    return frozenset(suffix for suffix, kind in known if kind in formats())


def is_image(name: str | os.PathLike) -> bool:
    """Returns whether a file's name has an image suffix."""
    return os.path.splitext(name)[1].lower() in _suffixes()


def is_hidden(name: str) -> bool:
    """Returns whether a file or folder is hidden or a system's own."""
    return name.startswith(".") or name.lower() in _SYSTEM


def is_encoded(folder: pathlib.Path) -> bool:
    """Returns whether earlier versions wrote a folder, for decoded images."""
    if folder.name != _ENCODED or not folder.is_dir():
        return False
    names = [name for name in os.listdir(folder) if not is_hidden(name)]
    return all(map(_ENCODED_ENTRY.fullmatch, names))


def printable(name: str | os.PathLike) -> str:
    r"""Returns a file's name as text, with \xff for what cannot be printed."""
    content = os.fspath(name).encode("utf-8", "surrogateescape")
    text = content.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def opened(file: str | os.PathLike | BinaryIO) -> Image.Image:
    """Opens an image, whose pixels are not read yet.

    Args:
        file: the path or an open file.

    Raises:
        ValueError: if the pixels would need 256 MiB and more than eight times
            the file's size.
        OSError: if the file is no image. Damaged files raise other errors too.
    """
    image = Image.open(file, formats=formats())
    needed = image.width * image.height * max(3, len(image.getbands()))
    if hasattr(file, "seek"):
        size = file.getbuffer().nbytes
    else:
        size = os.stat(file).st_size
    if needed > max(_IMAGE_BYTES, memory.FACTOR * size):
        image.close()
        raise ValueError(
            f"{image.width:,}×{image.height:,} pixels are too many for a file "
            f"of {size:,} bytes"
        )
    return image


def holds_image(folder: pathlib.Path) -> bool:
    """Returns whether a folder holds an image; stops at the first.

    Raises:
        DataError: if a folder cannot be read.
    """
    return any(kind == "images" for kind, _ in _walk(folder))


def contents(folder: pathlib.Path) -> Contents:
    """Lists a folder and its subfolders.

    Links to folders are followed, except to a folder that contains the link.

    Raises:
        DataError: if a folder cannot be read.
    """
    found = {"images": [], "others": [], "hidden": []}
    for kind, path in _walk(folder):
        found[kind].append(path)
    return Contents(**{kind: tuple(sorted(v)) for kind, v in found.items()})


def names_in(folder: pathlib.Path) -> set[str]:
    """Returns the names of all files in a folder and in its subfolders.

    Returns:
        POSIX paths relative to `folder`, hidden files among them.
    """
    names = set()
    for place, _, files in os.walk(folder, followlinks=True):
        within = pathlib.Path(place).relative_to(folder)
        prefix = "" if within == pathlib.Path() else f"{within.as_posix()}/"
        names.update(f"{prefix}{file}" for file in files)
    return names


def _walk(folder):
    """Yields the kind and the relative path of files and hidden folders."""
    for place, folders, names in os.walk(
        folder, followlinks=True, onerror=_unreadable
    ):
        within = pathlib.Path(place).relative_to(folder)
        for name in sorted(folders):
            if is_hidden(name) or is_encoded(pathlib.Path(place, name)):
                folders.remove(name)
                yield "hidden", within / name
            elif _contains(place, name):
                folders.remove(name)
        for name in names:
            kind = "images" if is_image(name) else "others"
            yield "hidden" if is_hidden(name) else kind, within / name


def _unreadable(error):
    raise errors.DataError(
        f"{printable(error.filename)} cannot be read ({error.strerror})."
    )


def _contains(place, name):
    """Returns whether a linked folder contains the link to it."""
    path = os.path.join(place, name)
    if not os.path.islink(path):
        return False
    target, here = os.path.realpath(path), os.path.realpath(place)
    return os.path.commonpath([target, here]) == target
