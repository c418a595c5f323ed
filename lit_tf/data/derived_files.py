"""Files derived from a dataset's files, such as decoded images.

They are made once and stored in keyed folders. These lie in the folder
`encoded` next to the source files or, when nothing can be written there, in the
user's cache folder. They may be deleted at any time.
"""

import hashlib
import os
import pathlib
from collections.abc import Callable, Iterable

import numpy as np

from lit_tf.data import rows
from lit_tf.utils.keyed_folder import Content, Facts, Key, KeyedFolder


def load_or_create(
    name: str,
    key: Key,
    *,
    source: pathlib.Path,
    read: Callable[[pathlib.Path, Facts], Content],
    write: Callable[[pathlib.Path], Facts],
) -> Content:
    """Returns the content of a key, which is made first if it is missing.

    It is written whole or not at all, by one process at a time.

    Args:
        name: the start of the folder's name.
        key: everything that the content depends on.
        source: the folder of the source files.
        read: a function of the folder and the facts that returns the content.
            OSError, ValueError or KeyError mean that the folder is damaged; it
            is then made again.
        write: a function that fills a folder and returns the facts for `read`.

    Raises:
        DataError: if no folder can be written to. Exceptions of `write` are
            raised too.
    """
    parent = _parent(source)
    folder = KeyedFolder(parent, key, prefix=f"{name}-")
    with folder.locked(
        folder=str(parent),
        waiting=f"waits for another process to make {folder.path}/",
    ):
        content = folder.read(read)
        if content is None:
            folder.write(write)
            content = folder.read(read)
        return content


def map_rows(path: pathlib.Path, shape: tuple[int, ...]) -> rows.Rows:
    """Maps a file of bytes into memory and returns it as rows.

    Raises:
        ValueError: if the file has another size.
        OSError: if the file does not exist.
    """
    if path.stat().st_size != np.prod(shape, dtype=np.int64):
        raise ValueError(f"{path} is not whole.")
    return rows.Rows(np.memmap(path, np.uint8, "r", shape=shape))


def fingerprint(paths: Iterable[tuple[str, str | os.PathLike]]) -> str:
    """Returns a hash of the names, sizes and modification times of files.

    It changes when one of the files changes. The files are not read.

    Args:
        paths: the name and the path of each file.
    """
    digest = hashlib.sha256()
    for name, path in paths:
        status = os.stat(path)
        digest.update(
            f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode()
        )
    return digest.hexdigest()


def _parent(source):
    if os.access(source, os.W_OK):
        return source / "encoded"
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache) / "lit_tf" / "encoded"
