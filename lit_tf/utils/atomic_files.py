"""Files that are written whole or not at all."""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any, BinaryIO

from lit_tf import errors
from lit_tf.utils import text_format


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


@contextlib.contextmanager
def alone(lock: pathlib.Path, *, folder: str, waiting: str) -> Iterator[None]:
    """Waits until no other process holds a lock, and holds it.

    Args:
        lock: its file; its folder is made.
        folder: what cannot be written to if that fails, for the message.
        waiting: what is printed if there is somebody to wait for.

    Raises:
        DataError: the lock cannot be written.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError as error:
        raise errors.DataError(
            f"{folder} cannot be written to ({error.strerror})."
        ) from error
    with file:  # The kernel drops the lock when the process ends, too.
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print(waiting, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def reserve(file: BinaryIO, length: int, *, folder: str) -> None:
    """Makes a new file as long as it will be, where there is room for it.

    Room that is reserved cannot run out hours later, or beneath a memory map,
    which would end the process without a word.

    Args:
        file: open for writing.
        length: in bytes.
        folder: what has no room for it, for the message.

    Raises:
        DataError: there is none.
    """
    try:
        os.posix_fallocate(file.fileno(), 0, length)
    except OSError as error:
        raise errors.DataError(
            f"{folder} has no room for {text_format.size(length)} "
            f"({error.strerror})."
        ) from error


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
