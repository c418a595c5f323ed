"""Files and folders that are written whole or not at all, and file locks."""

import contextlib
import errno
import fcntl
import json
import math
import os
import pathlib
import re
import shutil
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from lit_tf import errors
from lit_tf.utils import text_format

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM)


@contextlib.contextmanager
def named(path: pathlib.Path) -> Iterator[None]:
    """Names a path in errors of its writing, such as a full disk.

    Python does not name the file that it could not write to, and TensorFlow and
    HDF5 have exceptions of their own.

    Raises:
        DataError: if the path cannot be written. Other exceptions pass.
    """
    try:
        yield
    except errors.ALL:
        raise
    except Exception as error:  # TensorFlow and HDF5 raise many kinds.
        reason = _reason(str(error), str(path.parent))
        if not reason:
            raise
        raise errors.DataError(
            f"{path} cannot be written ({reason}). What was saved before is "
            "kept."
        ) from error


def _reason(text, folder):
    """Returns why something cannot be written; "" for an error of reading."""
    if re.fullmatch(r"\d+ requested and \d+ written", text):
        return "the disk may be full"  # By `np.save`, which knows no more.
    # Another file may be missing, but the disk is not full for it alone.
    codes = _FULL + (_MISSING if folder in text else ())
    reasons = map(os.strerror, codes)
    return next((reason for reason in reasons if reason in text), "")


@contextlib.contextmanager
def whole(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a temporary path, which is renamed to `path` on success.

    A file or a folder may be written there. It replaces what is at `path`. On
    an exception, `path` stays unchanged and the temporary path is removed.

    Args:
        path: the path of the finished file or folder. Its parent is created.

    Raises:
        DataError: if the parent cannot be created, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.DataError(
            f"{path} cannot be written to ({error.strerror})."
        ) from error
    partial = path.with_name(f".partial-{path.name}")
    # A folder cannot be replaced in one step: the old one is renamed, and
    # removed once the new one is in place.
    replaced = path.with_name(f".replaced-{path.name}")
    try:
        with named(path):
            remove(partial)
            yield partial
            if partial.is_file():
                with partial.open("rb+") as file:
                    os.fsync(file.fileno())
            if path.is_dir():
                remove(replaced)
                os.replace(path, replaced)
            os.replace(partial, path)
    finally:
        with contextlib.suppress(OSError):  # The folder may be gone.
            if not path.exists() and replaced.exists():
                os.replace(replaced, path)
            remove(replaced)
            remove(partial)


@contextlib.contextmanager
def locked(lock: pathlib.Path, *, folder: str, waiting: str) -> Iterator[None]:
    """Holds a lock, once no other process holds it.

    Args:
        lock: the path of the lock file. Its parent is created.
        folder: the name of the parent folder in error messages.
        waiting: the line to print when another process holds the lock.

    Raises:
        DataError: if the lock file cannot be created.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError as error:
        raise errors.DataError(
            f"{folder} cannot be written to ({error.strerror})."
        ) from error
    with file:  # The kernel also releases the lock when the process ends.
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print(waiting, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def reserve(file: BinaryIO, length: int, *, folder: str) -> None:
    """Reserves disk space for a new file and sets its length.

    Without it, the disk could be full hours later. If the file is mapped into
    memory, a full disk ends the process without an error message.

    Args:
        file: a file that is open for writing.
        length: the length in bytes.
        folder: the name of the file's folder in error messages.

    Raises:
        DataError: if the disk has not enough space.
    """
    try:
        os.posix_fallocate(file.fileno(), 0, length)
    except OSError as error:
        raise errors.DataError(
            f"{folder} has no room for {text_format.size(length)} "
            f"({error.strerror})."
        ) from error


def check_writable(path: pathlib.Path) -> None:
    """Checks that a file can be written at a path.

    A command that writes its result at the end calls this at the start. The
    parent folder is created and stays.

    Raises:
        DataError: if the path is a folder or cannot be written to.
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
    r"""Writes a text file whole or not at all.

    Bytes of file names that are not valid UTF-8 are written as \udc80 and so
    on, which JSON reads back.
    """
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: pathlib.Path, value: Any) -> None:
    """Writes a value as readable JSON, whole or not at all.

    NaN and infinite numbers, which JSON does not have, become null.
    """
    text = json.dumps(
        _finite(value), indent=2, ensure_ascii=False, allow_nan=False
    )
    write_text(path, text + "\n")


def _finite(value):
    """Returns a value of JSON with None for numbers that are not finite."""
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def remove(path: pathlib.Path) -> None:
    """Removes a file or a folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
