"""Silences what C++ code writes to the standard error of the process."""

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def stderr() -> Iterator[None]:
    """Discards what is written to file descriptor 2.

    The C++ code of TensorFlow writes there, past Python's `sys.stderr`.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)
