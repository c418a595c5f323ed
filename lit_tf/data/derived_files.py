"""What is made of a data set's files once: folders, each under a key.

Beside the files (or in the user's cache, where nothing can be written there) is
a folder `encoded`, and in it one for each key. They may be removed at any time.
"""

import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from lit_tf.data import rows
from lit_tf.utils import atomic_files

Facts = Mapping[str, Any]  # As JSON gives them back.
Read = TypeVar("Read")

_FACTS = "facts.json"


def keep(
    name: str,
    key: Facts,
    *,
    beside: pathlib.Path,
    read: Callable[[pathlib.Path, Facts], Read],
    write: Callable[[pathlib.Path], Facts],
) -> Read:
    """Returns what is kept under a key, made first where it is not.

    It is made whole or not at all, and by one process at a time.

    Args:
        name: with which the folder's name begins.
        key: all that the content depends on.
        beside: the folder of the files that it is made of.
        read: (folder, facts) → what is returned; any OSError, ValueError or
            KeyError means that it is damaged, and is made again.
        write: fills a folder, and returns the facts that `read` is given.

    Raises:
        DataError: there is nowhere to write to; and as `write`.
    """
    text = json.dumps(key, sort_keys=True).encode()
    name = f"{name}-{hashlib.sha256(text).hexdigest()[:16]}"
    home = _home(beside)
    with atomic_files.alone(
        home / f".{name}.lock",
        folder=str(home),
        waiting=f"waits for another process to make {home / name}/",
    ):
        folder = home / name
        found = _found(folder, key, read)
        if found is None:
            with atomic_files.whole(folder) as partial:
                partial.mkdir()
                facts = {**write(partial), "key": key}
                atomic_files.write_json(partial / _FACTS, facts)
            found = _found(folder, key, read)
        return found


def mapped(path: pathlib.Path, shape: tuple[int, ...]) -> rows.Rows:
    """Returns the bytes of a file as rows.

    Raises:
        ValueError: the file is of another size.
        OSError: there is none.
    """
    if path.stat().st_size != np.prod(shape, dtype=np.int64):
        raise ValueError(f"{path} is not whole.")
    return rows.Rows(np.memmap(path, np.uint8, "r", shape=shape))


def stamp(paths: Iterable[tuple[str, str | os.PathLike]]) -> str:
    """Returns a hash of files' names, sizes and times of change.

    It tells whether one of them has changed, without reading them.

    Args:
        paths: of each a name and its path.
    """
    digest = hashlib.sha256()
    for name, path in paths:
        known = os.stat(path)
        digest.update(
            f"{name}\0{known.st_size}\0{known.st_mtime_ns}\n".encode()
        )
    return digest.hexdigest()


def _home(beside):
    if os.access(beside, os.W_OK):
        return beside / "encoded"
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache) / "lit_tf" / "encoded"


def _found(folder, key, read):
    """Returns what is kept in a folder, None where it is not whole."""
    try:
        facts = json.loads((folder / _FACTS).read_text())
        return read(folder, facts) if facts["key"] == key else None
    except (OSError, ValueError, KeyError):
        return None
