"""Readers of .npz and .npy files that run no code and bound their memory."""

import math
import pathlib
import warnings
import zipfile
from collections.abc import Iterator

import numpy as np

from lit_tf import errors
from lit_tf.utils import memory

_SUFFIX = ".npy"
_MAGIC = 8  # Bytes before the length of an array's header.
_LONGEST_HEADER = 10_000  # As in NumPy.
# Converting to another type needs a second copy.
_COPY = 1.5


class DamagedError(errors.DataError):
    """A file is not a whole .npz file of numbers."""


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Reads all arrays of an .npz file.

    Args:
        path: the file, as `numpy.savez` and `numpy.savez_compressed` write it.

    Returns:
        The arrays by name.

    Raises:
        DataError: if the file is not a whole .npz file, holds Python objects,
            or unpacks to more than eight times its size.
        OSError: if the file cannot be opened.
    """
    if not path.is_file():
        raise errors.DataError(f"There is no file {path}.")
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of names that occur twice.
        try:
            bounded = memory.BoundedReads(file, memory.LARGEST_TABLE)
            with zipfile.ZipFile(bounded) as archive:
                members = archive.infolist()
                _check_sizes(path, archive, members)
                return dict(_arrays(path, archive, members))
        except errors.DataError:
            raise
        except Exception as error:  # Damaged files raise many kinds of errors.
            raise DamagedError(
                f"{path} cannot be read as an .npz file of numbers "
                f"({errors.line(error)}). It was cut off, is damaged or has "
                "another format."
            ) from error


def read_array(path: pathlib.Path) -> np.ndarray:
    """Reads the array of an .npy file.

    Raises:
        DataError: if the file is not a whole .npy file, or holds Python
            objects.
        OSError: if the file cannot be opened.
    """
    with path.open("rb") as file:
        try:
            shape, dtype = _header(path, path.name, file)
            size = math.prod(shape) * dtype.itemsize
            if size != path.stat().st_size - file.tell():
                raise ValueError(f"it claims {size:,} bytes of numbers")
            file.seek(0)
            return np.lib.format.read_array(file, allow_pickle=False)
        except errors.DataError:
            raise
        except Exception as error:  # Damaged files raise many kinds of errors.
            raise DamagedError(
                f"{path} is not a whole .npy file ({errors.line(error)})."
            ) from error


def _check_sizes(path, archive, members):
    """Refuses arrays that claim another size than they have, or too much."""
    total = 0
    for member in members:
        with archive.open(member) as file:
            shape, dtype = _header(path, member.filename, file)
            size = math.prod(shape) * dtype.itemsize
            if size != member.file_size - file.tell():
                raise ValueError(
                    f"{member.filename} claims {size:,} bytes of numbers, and "
                    f"holds {member.file_size - file.tell():,}"
                )
        total += round(size * (_COPY if dtype == np.float64 else 1))
    memory.check(path, total, what="its arrays")


def _header(path, name, file):
    """Returns shape and type of an array; the file is then at its numbers."""
    version = np.lib.format.read_magic(file)
    start = file.tell()
    length = int.from_bytes(file.read(2 if version == (1, 0) else 4), "little")
    if length > _LONGEST_HEADER:
        raise ValueError(f"the header of {name} has {length:,} bytes")
    file.seek(start)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise ValueError(f"{name} has the unknown version {version}")
    if dtype.hasobject:
        raise errors.DataError(
            f"{path} holds Python objects, which could run code. They were not "
            f"read. The first: {name.removesuffix(_SUFFIX)}."
        )
    if any(size < 0 for size in shape):
        raise ValueError(f"{name} has the shape {shape}")
    return shape, dtype


def _arrays(path, archive, members) -> Iterator[tuple[str, np.ndarray]]:
    for member in members:
        with archive.open(member) as file:
            yield (
                member.filename.removesuffix(_SUFFIX),
                np.lib.format.read_array(file, allow_pickle=False),
            )
            if file.read(1):  # Also checks the checksum.
                raise ValueError(f"{member.filename} is longer than its array")
