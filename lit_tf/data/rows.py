"""Arrays whose rows are read on demand and not kept in memory."""

import abc
import copy
import mmap
from typing import Any

import numpy as np


class Rows(abc.ABC):
    """An array-like `[rows, ...]` that reads its rows on demand.

    Args:
        shape: `[rows, ...]` of all rows.
        dtype: the type of the numbers.
    """

    nbytes = 0  # In memory.
    # Hash of the rows, where it does not come from reading them.
    fingerprint: bytes | None = None

    def __init__(self, shape: tuple[int, ...], dtype: Any):
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.ndim = len(shape)
        self._index = None  # Numbers of the rows to use; None for all.

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> np.ndarray:
        """Reads one row, a slice of rows, or rows at an array of indices."""
        return self._read(key if self._index is None else self._index[key])

    def take(self, indices: np.ndarray, axis: int = 0) -> "Rows":
        """Returns the rows at the indices, without reading them.

        Args:
            indices: positions in these rows.
            axis: must be 0; only rows can be selected.

        Raises:
            ValueError: if `axis` is not 0.
        """
        if axis:
            raise ValueError(f"`axis` must be 0. Received: axis={axis}.")
        chosen = copy.copy(self)
        indices = np.asarray(indices)
        chosen._index = indices if self._index is None else self._index[indices]
        chosen.shape = (len(indices), *self.shape[1:])
        return chosen

    @abc.abstractmethod
    def _read(self, places: Any) -> np.ndarray:
        """Reads rows by their numbers: one, a slice of them, or an array."""


class MappedRows(Rows):
    """Rows of a file that is mapped into memory.

    Pages are released after every read, so that memory use does not grow with
    the file or with the number of reads.

    Args:
        file: all rows, as a memory map.
    """

    def __init__(self, file: np.memmap):
        super().__init__(file.shape, file.dtype)
        self._file = file

    def _read(self, places):
        result = np.array(self._file[places])
        if len(self._file):  # The pages stay in the system's page cache.
            self._file._mmap.madvise(mmap.MADV_DONTNEED)
        return result
