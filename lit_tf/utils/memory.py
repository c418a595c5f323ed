"""Limits on the memory that the content of a file may need."""

import os
import zipfile
from typing import BinaryIO

from lit_tf import errors
from lit_tf.utils import text_format

FACTOR = 8
# Of the table of contents of a zip archive: it needs ten times its size.
LARGEST_TABLE = 2**22
_ALWAYS = 2**26  # Small files may need more, 64 MiB.


def limit(size: int) -> int:
    """Returns the number of bytes that the content of a file may need.

    That is eight times the file's size, or 64 MiB for a small file. A file that
    needs more claims more than it holds, or unpacks to much more than its size.

    Args:
        size: the size of the file in bytes.
    """
    return max(_ALWAYS, FACTOR * size)


def check(path: str | os.PathLike, needed: int, *, what: str) -> None:
    """Checks that the content of a file needs no more memory than it may.

    Args:
        path: the file.
        needed: the number of bytes that its content needs.
        what: what needs them, as in "its arrays".

    Raises:
        DataError: if the content needs more.
    """
    size = os.stat(path).st_size
    if needed > limit(size):
        raise errors.DataError(
            f"{path} was not read: {what} would need "
            f"{text_format.size(needed)} of memory, more than {FACTOR} times "
            f"the file's {text_format.size(size)}. It is damaged, or packed so "
            "densely that it must be unpacked first."
        )


def check_archive(path: str | os.PathLike) -> dict[str, int]:
    """Checks that the members of a zip archive do not unpack to too much.

    Args:
        path: the archive.

    Returns:
        The uncompressed size of each member by its name.

    Raises:
        DataError: if they need more memory than they may.
        ValueError: if the table of contents is too large.
        OSError, zipfile.BadZipFile: if it is no archive.
    """
    with open(path, "rb") as file:
        bounded = BoundedReads(file, LARGEST_TABLE)
        with zipfile.ZipFile(bounded) as archive:
            sizes = {m.filename: m.file_size for m in archive.infolist()}
    check(path, sum(sizes.values()), what="its content")
    return sizes


class CappedReads:
    """An open file of which a read never asks for more than is left.

    Python allocates what a read asks for, and a pickle can ask for gigabytes.

    Args:
        file: the file, open for reading.
    """

    def __init__(self, file: BinaryIO):
        self._file = file
        self._size = os.fstat(file.fileno()).st_size

    def __getattr__(self, name):
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        """Reads bytes."""
        left = max(0, self._size - self._file.tell())
        return self._file.read(min(size, left) if size >= 0 else left)


class TooLargeError(ValueError):
    """A file wants to be read in larger parts than are allowed."""


class BoundedReads:
    """An open file that refuses to read too many bytes at once.

    `zipfile` reads the table of contents of an archive at once, and needs about
    ten times its size.

    Args:
        file: the file, open for reading.
        most: the largest number of bytes of one read.
    """

    def __init__(self, file: BinaryIO, most: int):
        self._file = file
        self._most = most

    def __getattr__(self, name):
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        """Reads bytes.

        Raises:
            TooLargeError: if the read is too large.
        """
        content = self._file.read(
            min(size, self._most + 1) if size >= 0 else self._most + 1
        )
        if len(content) > self._most:
            raise TooLargeError(f"a part is larger than {self._most:,} bytes")
        return content
