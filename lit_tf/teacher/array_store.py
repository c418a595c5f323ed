"""Large arrays under a key: in memory, or on disk for whoever has the key."""

import contextlib
import hashlib
import json
import math
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from lit_tf.utils import atomic_files

Key = Mapping[str, Any]  # As JSON gives it back.
Forms = Mapping[str, tuple[tuple[int, ...], np.dtype]]
Arrays = dict[str, np.ndarray]

_KEY = "key.json"


def size(forms: Forms) -> int:
    """Returns the bytes of arrays of the given shapes and types."""
    return sum(
        math.prod(shape) * type_.itemsize for shape, type_ in forms.values()
    )


class Memory:
    """Keeps arrays in memory, for this process."""

    where = "memory"
    instead = "--teacher_cache=disk"

    def free(self) -> int:
        """Returns how many bytes there is room for."""
        info = pathlib.Path("/proc/meminfo")
        if info.is_file():
            for line in info.read_text().splitlines():
                if line.startswith("MemAvailable:"):
                    return 1024 * int(line.split()[1])
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

    @contextlib.contextmanager
    def alone(self, key: Key) -> Iterator[None]:
        """Nobody else can be at these arrays."""
        yield

    def find(self, key: Key, forms: Forms) -> Arrays | None:
        """Finds nothing: what an earlier process kept is gone."""
        return None

    def make(
        self, key: Key, forms: Forms, fill: Callable[[Arrays], None]
    ) -> Arrays:
        """Returns new arrays, filled."""
        arrays = {name: np.empty(*form) for name, form in forms.items()}
        fill(arrays)
        return arrays


class Disk:
    """Keeps arrays in a folder, one that is named by the hash of a key.

    They are written whole or not at all, mapped into memory and never changed,
    so that any number of processes may read them.

    Args:
        folder: that of all keys.
    """

    instead = "another --teacher_cache_dir"

    def __init__(self, folder: str | os.PathLike):
        self._folder = pathlib.Path(folder)
        self.where = f"{self._folder}/"

    def free(self) -> int:
        """Returns how many bytes there is room for."""
        there = self._folder.resolve()
        while not there.exists():
            there = there.parent
        return shutil.disk_usage(there).free

    @contextlib.contextmanager
    def alone(self, key: Key) -> Iterator[None]:
        """Waits until no other process makes the arrays of a key.

        Raises:
            DataError: the folder cannot be written to.
        """
        with atomic_files.alone(
            self._folder / f".{_name(key)}.lock",
            folder=f"--teacher_cache_dir={self._folder}",
            waiting="cache     waits for a run that asks the same",
        ):
            yield

    def find(self, key: Key, forms: Forms) -> Arrays | None:
        """Returns the arrays of a key, None where they are not whole."""
        folder = self._folder / _name(key)
        try:
            whole = json.loads((folder / _KEY).read_text()) == key and all(
                _file(folder, name).stat().st_size == size({name: form})
                for name, form in forms.items()
            )
        except (OSError, ValueError):
            return None
        return _mapped(folder, forms, "r") if whole else None

    def make(
        self, key: Key, forms: Forms, fill: Callable[[Arrays], None]
    ) -> Arrays:
        """Returns new arrays, filled, in place of what was under the key.

        Raises:
            DataError: there is no room for them.
        """
        with atomic_files.whole(self._folder / _name(key)) as partial:
            partial.mkdir()
            for name, form in forms.items():
                with _file(partial, name).open("wb") as file:
                    length = size({name: form})
                    atomic_files.reserve(file, length, folder=self.where)
            arrays = _mapped(partial, forms, "r+")
            fill(arrays)
            for array in arrays.values():
                array.flush()
            atomic_files.write_json(partial / _KEY, key)
        return self.find(key, forms)


def _name(key):
    text = json.dumps(key, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _file(folder, name):
    return folder / f"{name}.bin"


def _mapped(folder, forms, mode):
    return {
        name: np.memmap(_file(folder, name), type_, mode, shape=shape)
        for name, (shape, type_) in forms.items()
    }
