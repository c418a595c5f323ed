"""Folders of image files."""

import os
import pathlib

from lit_tf import errors

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")


def data_folder(data_dir: str) -> pathlib.Path | None:
    """Returns the data folder as a path; None if no folder is given.

    Raises:
        DataError: if there is no such folder.
    """
    if data_dir and not pathlib.Path(data_dir).is_dir():
        raise errors.DataError(f"--data_dir={data_dir!r} is not a folder.")
    return pathlib.Path(data_dir) if data_dir else None


def is_image(name: str) -> bool:
    """Returns whether a file's name has an image suffix."""
    return name.lower().endswith(_SUFFIXES)


def names_in(folder: pathlib.Path) -> set[str]:
    """Returns the names of all files in a folder and in its subfolders.

    Returns:
        POSIX paths relative to `folder`.
    """
    names = set()
    for place, _, files in os.walk(folder, followlinks=True):
        within = pathlib.Path(place).relative_to(folder)
        prefix = "" if within == pathlib.Path() else f"{within.as_posix()}/"
        names.update(f"{prefix}{file}" for file in files)
    return names
