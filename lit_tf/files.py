"""Files that are written whole or not at all."""

import contextlib
import json
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

from lit_tf import errors


@contextlib.contextmanager
def whole(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a path to write to, which becomes `path` when all went well.

    It may become a file or a folder; what stood at `path` is replaced.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.DataError(
            f"{path} cannot be written to ({error.strerror})."
        ) from error
    partial = path.with_name(f".partial-{path.name}")
    remove(partial)
    try:
        yield partial
        if partial.is_file():
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
        # A folder cannot be replaced in one step: the old one steps aside, and
        # goes when the new one is there.
        aside = path.with_name(f".replaced-{path.name}")
        if path.is_dir():
            remove(aside)
            os.replace(path, aside)
        os.replace(partial, path)
        remove(aside)
    finally:
        remove(partial)


def check_writable(path: pathlib.Path) -> None:
    """Raises `DataError` unless a file can be written at a path.

    For a command that writes at its end. Its folder is made, and stays.
    """
    if path.is_dir():
        raise errors.DataError(f"{path} is a folder, not a file.")
    partial = path.with_name(f".partial-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.touch()
        partial.unlink()
    except OSError as error:
        raise errors.DataError(
            f"{path} cannot be written to ({error.strerror})."
        ) from error


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a text file whole or not at all."""
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: pathlib.Path, value: Any) -> None:
    """Writes a value as readable JSON, whole or not at all."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def remove(path: pathlib.Path) -> None:
    """Removes a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
