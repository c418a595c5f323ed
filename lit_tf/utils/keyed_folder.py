"""Keyed folders: content on disk that is found again by its key.

The name of a keyed folder ends in a hash of the key. One process at a time
writes the folder, whole or not at all; any number of processes may read it.
"""

import contextlib
import hashlib
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from lit_tf.utils import atomic_files, json_files

Key = Mapping[str, Any]  # Equal to itself after a round trip through JSON.
Facts = Mapping[str, Any]  # Likewise.
Content = TypeVar("Content")

_DAMAGE = (OSError, ValueError, KeyError, TypeError)
_FACTS = "facts.json"
_KEY = "key.json"  # Written by 0.1 for the teacher's outputs: the key alone.


class KeyedFolder:
    """A folder that holds the content of a key.

    Args:
        parent: the folder that holds all keyed folders of this kind.
        key: everything that the content depends on.
        prefix: the start of the folder's name.
    """

    def __init__(self, parent: pathlib.Path, key: Key, *, prefix: str = ""):
        text = json.dumps(key, sort_keys=True).encode()
        name = f"{prefix}{hashlib.sha256(text).hexdigest()[:16]}"
        self.path = parent / name
        self.key = key

    @contextlib.contextmanager
    def locked(self, *, folder: str, waiting: str) -> Iterator[None]:
        """Locks the key, once no other process holds its lock.

        Args:
            folder: the name of the parent folder in error messages.
            waiting: the line to print when another process holds the lock.

        Raises:
            DataError: if the parent folder cannot be written to.
        """
        lock = self.path.with_name(f".{self.path.name}.lock")
        with atomic_files.locked(lock, folder=folder, waiting=waiting):
            yield

    def read(
        self, read: Callable[[pathlib.Path, Facts], Content]
    ) -> Content | None:
        """Reads the content.

        Args:
            read: a function of the folder's path and the facts that `write`
                stored. It raises OSError, ValueError or KeyError when a file is
                missing or damaged.

        Returns:
            The result of `read`; None when the folder is missing or damaged or
            holds the content of another key.
        """
        try:
            facts = self._facts()
            return read(self.path, facts) if facts["key"] == self.key else None
        except _DAMAGE:
            return None

    def write(
        self, write: Callable[[pathlib.Path], Mapping[str, Any] | None]
    ) -> None:
        """Writes the content, and replaces what was there before.

        Args:
            write: a function that fills the empty folder at the given path and
                returns the facts to store, if any.
        """
        with atomic_files.whole(self.path) as partial:
            partial.mkdir()
            facts = {**(write(partial) or {}), "key": self.key}
            atomic_files.write_json(partial / _FACTS, facts)

    def _facts(self) -> Facts:
        file = self.path / _FACTS
        if file.is_file():
            return json_files.parse(file.read_bytes())
        return {"key": json_files.parse((self.path / _KEY).read_bytes())}
