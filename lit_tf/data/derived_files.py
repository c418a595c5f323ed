"""Files derived from a dataset's files, such as decoded images.

They are made once and stored in keyed folders, in the user's cache folder. They
may be deleted at any time. Version 0.1 stored them next to the source files, in
a folder `encoded`. That is still read, but nothing is written there.
"""

import hashlib
import os
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from lit_tf import errors
from lit_tf.data import rows
from lit_tf.utils.keyed_folder import Content, Facts, Key, KeyedFolder


def load_or_create(
    name: str,
    key: Key,
    *,
    source: pathlib.Path,
    cache_dir: str,
    portable: bool,
    read: Callable[[pathlib.Path, Facts], Content],
    write: Callable[[pathlib.Path], Facts] | None,
) -> Content | None:
    """Returns the content of a key, which is made first if it is missing.

    It is written whole or not at all, by one process at a time.

    Args:
        name: the start of the folder's name.
        key: everything that the content depends on, among the files in
            `source`.
        source: the folder of the source files; nothing is written there.
        cache_dir: the cache folder; "" for the user's (`cache_folder`).
        portable: whether the key also tells apart files in other folders. If
            not, the path of `source` is added to the key.
        read: a function of the folder and the facts that returns the content.
            OSError, ValueError or KeyError mean that the folder is damaged; it
            is then made again.
        write: a function that fills a folder and returns the facts for `read`;
            None to return None if the content is missing.

    Raises:
        DataError: if no folder can be written to. Exceptions of `write` are
            raised too.
    """
    prefix = f"{name}-"
    beside = KeyedFolder(source / "encoded", key, prefix=prefix).read(read)
    if beside is not None:
        return beside
    if not portable:
        path = os.fsencode(source.resolve())
        key = {**key, "source": path.decode("utf-8", "backslashreplace")}
    parent = cache_folder(cache_dir) / "encoded"
    folder = KeyedFolder(parent, key, prefix=prefix)
    if write is None:
        return folder.read(read)
    with folder.locked(
        folder=f"{parent}/, the folder of --cache_dir,",
        waiting=f"waits for another process to make {folder.path}/",
    ):
        content = folder.read(read)
        if content is None:
            folder.write(write)
            content = folder.read(read)
        return content


def cache_folder(cache_dir: str = "") -> pathlib.Path:
    """Returns the folder for files that can be made again.

    Args:
        cache_dir: the folder that the user names; "" for `lit_tf` in
            `$XDG_CACHE_HOME`, or in `.cache` in the home folder.

    Raises:
        DataError: if the user has no home folder and named no other.
    """
    if cache_dir:
        return pathlib.Path(cache_dir)
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(cache):  # Others are to be ignored, says its standard.
        return pathlib.Path(cache) / "lit_tf"
    try:
        return pathlib.Path.home() / ".cache" / "lit_tf"
    except RuntimeError:
        raise errors.DataError(
            "There is no home folder to store decoded images and encoded texts "
            "in. Name a folder for them with --cache_dir."
        ) from None


def map_rows(
    path: pathlib.Path, shape: tuple[int, ...], dtype: Any = np.uint8
) -> rows.Rows:
    """Maps a file of numbers into memory and returns it as rows.

    Args:
        path: the file.
        shape: `[rows, ...]`.
        dtype: the type of the numbers, bytes by default.

    Raises:
        ValueError: if the file has another size.
        OSError: if the file does not exist.
    """
    size = np.prod(shape, dtype=np.int64) * np.dtype(dtype).itemsize
    if path.stat().st_size != size:
        raise ValueError(f"{path} is not whole.")
    return rows.MappedRows(np.memmap(path, dtype, "r", shape=shape))


def fingerprint(paths: Iterable[tuple[str, str | os.PathLike]]) -> str:
    """Returns a hash of the names, sizes and modification times of files.

    It changes when one of the files changes. The files are not read.

    Args:
        paths: the name and the path of each file.
    """
    digest = hashlib.sha256()
    for name, path in paths:
        status = os.stat(path)
        facts = f"\0{status.st_size}\0{status.st_mtime_ns}\n"
        # Names of files need not be valid UTF-8.
        digest.update(f"{name}{facts}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
