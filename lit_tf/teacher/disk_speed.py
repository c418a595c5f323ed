"""Measures how fast a disk writes and reads."""

import os
import pathlib
import tempfile
import time

from lit_tf.teacher.cache_choice import Disk

_SIZE = 64 * 2**20  # Bytes.


def measure(folder: str | os.PathLike, size: int = _SIZE) -> Disk:
    """Writes a temporary file, removes it, and returns the speeds.

    What was written is read from the disk, where the system lets go of its
    copy in memory.

    Args:
        folder: a folder, or one that is not yet created.
        size: bytes to write.

    Raises:
        OSError: if the folder cannot be written to.
    """
    existing = pathlib.Path(folder).resolve()
    while not existing.exists():
        existing = existing.parent
    block = os.urandom(2**20)  # Some file systems compress.
    with tempfile.TemporaryFile(dir=existing) as file:
        start = time.perf_counter()
        for _ in range(max(1, size // len(block))):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
        written = time.perf_counter() - start
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        file.seek(0)
        start = time.perf_counter()
        while file.read(len(block)):
            pass
        read = time.perf_counter() - start
    return Disk(write=size / written, read=size / read)
