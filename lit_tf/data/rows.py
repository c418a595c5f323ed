"""Rows of a file: read when they are asked for, and not kept."""

import mmap
from typing import Any

import numpy as np


class Rows:
    """Looks like an array `[rows, ...]`, and is one only piece by piece.

    The file is mapped into memory, and what was read of it is given back at
    once: however large it is, and whatever is read, it takes no room.

    Args:
        file: all rows, mapped.
        index: which of them, in which order; None for all.
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
        """Reads rows: one, a slice, or those at an array of indices."""
        places = key if self._index is None else self._index[key]
        found = np.array(self._file[places])
        if len(self):  # The pages stay in the system's cache, not in ours.
            self._file._mmap.madvise(mmap.MADV_DONTNEED)
        return found

    def take(self, indices: np.ndarray, axis: int = 0) -> "Rows":
        """Returns the rows at the indices, unread.

        Args:
            indices: of these rows.
            axis: 0; rows are all there is to choose.
        """
        if axis:
            raise ValueError(f"`axis` must be 0. Received: axis={axis}.")
        chosen = indices if self._index is None else self._index[indices]
        return Rows(self._file, np.asarray(chosen))
