"""Rows of a file that are read on demand and not kept in memory."""

import mmap
from typing import Any

import numpy as np


class Rows:
    """An array-like `[rows, ...]` that reads its rows from a file.

    The file is mapped into memory. Pages are released after every read, so that
    memory use does not grow with the file or with the number of reads.

    Args:
        file: all rows, as a memory map.
        index: numbers of the rows to use, in order; None for all.
    """

    nbytes = 0  # In memory.

    def __init__(self, file: np.memmap, index: np.ndarray | None = None):
        self._file = file
        self._index = index
        count = len(file) if index is None else len(index)
        self.shape = (count, *file.shape[1:])
        self.dtype = file.dtype
        self.ndim = file.ndim

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> np.ndarray:
        """Reads one row, a slice of rows, or rows at an array of indices."""
        places = key if self._index is None else self._index[key]
        result = np.array(self._file[places])
        if len(self):  # The pages stay in the system's page cache.
            self._file._mmap.madvise(mmap.MADV_DONTNEED)
        return result

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
        chosen = indices if self._index is None else self._index[indices]
        return Rows(self._file, np.asarray(chosen))
