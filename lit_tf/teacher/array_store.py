"""Stores of large arrays, in memory or on disk, that are found by a key."""

import contextlib
import math
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from lit_tf.utils import atomic_files
from lit_tf.utils.keyed_folder import Key, KeyedFolder

Forms = Mapping[str, tuple[tuple[int, ...], np.dtype]]  # Shapes and dtypes.
Arrays = dict[str, np.ndarray]


def size(forms: Forms) -> int:
    """Returns the size in bytes of arrays of the given shapes and dtypes."""
    return sum(
        math.prod(shape) * dtype.itemsize for shape, dtype in forms.values()
    )


class MemoryStore:
    """Stores arrays in the memory of this process."""

    # For messages: where the arrays are, and what to try when they do not fit.
    place = "memory"
    alternative = "--teacher_cache=disk"

    def free(self) -> int:
        """Returns the number of bytes available."""
        info = pathlib.Path("/proc/meminfo")
        if info.is_file():
            for line in info.read_text(encoding="utf-8").splitlines():
                if line.startswith("MemAvailable:"):
                    return 1024 * int(line.split()[1])
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

    @contextlib.contextmanager
    def locked(self, key: Key) -> Iterator[None]:
        """Does nothing: no other process can reach these arrays."""
        yield

    def find(self, key: Key, forms: Forms) -> Arrays | None:
        """Returns None: the memory of earlier processes is lost."""
        return None

    def create(
        self, key: Key, forms: Forms, fill: Callable[[Arrays], None]
    ) -> Arrays:
        """Creates arrays, calls `fill` with them and returns them."""
        arrays = {name: np.empty(*form) for name, form in forms.items()}
        fill(arrays)
        return arrays


class DiskStore:
    """Stores arrays in a folder whose name is the hash of their key.

    They are written whole or not at all, never changed, and mapped into memory,
    so that any number of processes may read them.

    Args:
        folder: the folder for all keys.
    """

    alternative = "another --teacher_cache_dir"

    def __init__(self, folder: str | os.PathLike):
        self._folder = pathlib.Path(folder)
        self.place = f"{self._folder}/"

    def free(self) -> int:
        """Returns the number of bytes available."""
        existing = self._folder.resolve()
        while not existing.exists():
            existing = existing.parent
        return shutil.disk_usage(existing).free

    @contextlib.contextmanager
    def locked(self, key: Key) -> Iterator[None]:
        """Waits until no other process creates the arrays of a key.

        Raises:
            DataError: if the folder cannot be written to.
        """
        with self._keyed(key).locked(
            folder=f"--teacher_cache_dir={self._folder}",
            waiting="cache     waits for another run that creates the same",
        ):
            yield

    def find(self, key: Key, forms: Forms) -> Arrays | None:
        """Returns the arrays of a key; None when one is missing or damaged."""

        def read(folder, facts):
            for name, form in forms.items():
                path = _file(folder, name)
                if path.stat().st_size != size({name: form}):
                    raise ValueError(f"{path} has another size.")
            return _map(folder, forms, "r")

        return self._keyed(key).read(read)

    def create(
        self, key: Key, forms: Forms, fill: Callable[[Arrays], None]
    ) -> Arrays:
        """Creates arrays, calls `fill` with them, stores and returns them.

        They replace the arrays that were stored under the key.

        Raises:
            DataError: if the disk has no room for them.
        """

        def write(folder):
            for name, form in forms.items():
                with _file(folder, name).open("wb") as file:
                    length = size({name: form})
                    atomic_files.reserve(file, length, folder=self.place)
            arrays = _map(folder, forms, "r+")
            fill(arrays)
            for array in arrays.values():
                array.flush()

        self._keyed(key).write(write)
        return self.find(key, forms)

    def _keyed(self, key):
        return KeyedFolder(self._folder, key)


def _file(folder, name):
    return folder / f"{name}.bin"


def _map(folder, forms, mode):
    return {
        name: np.memmap(_file(folder, name), dtype, mode, shape=shape)
        for name, (shape, dtype) in forms.items()
    }
