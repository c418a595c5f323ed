"""TFRecord files: their names, and a reader that checks lengths first."""

import contextlib
import gzip
import os
import pathlib
import struct
import zlib
from collections.abc import Iterator

import tensorflow as tf

from lit_tf import errors
from lit_tf.data import image_files, split_names
from lit_tf.utils import memory

_HEAD = struct.Struct("<QI")  # Length of a record and its checksum.
_FOOT = 4  # Bytes of the checksum after a record.
_PIECE = 2**20
_GZIP = b"\x1f\x8b\x08"
# Files that other programs write next to TFRecord files.
_NOT_RECORDS = {
    ".idx",
    ".index",
    ".json",
    ".txt",
    ".csv",
    ".md5",
    ".sha256",
    ".lock",
    ".tmp",
    ".part",
    ".crdownload",
}
_PACKED = {".bz2", ".xz", ".zst", ".lz4", ".zip", ".7z", ".tar"}
_KNOWN = {"image", "label"}
_OWN_FORM = (
    "Each record must have `label` and all inputs, with as many numbers as the "
    "first record."
)
_FORM = (
    "A record must be a tf.train.Example of `image`, an encoded image, and "
    "`label`."
)


def find(root: pathlib.Path, part: str) -> list[pathlib.Path]:
    """Returns the TFRecord files of a split in a folder, sorted.

    Args:
        root: the folder.
        part: a name in `split_names.PARTS`.
    """
    return sorted(
        path
        for path in root.iterdir()
        if ".tfrecord" in path.name.lower()
        and split_names.part_of_start(path.name) == part
        and not image_files.is_hidden(path.name)
        and not _is_index(path)
        and path.is_file()
    )


def check(path: pathlib.Path) -> None:
    """Checks that every record ends inside the file.

    TensorFlow allocates what the head of a record claims.

    Raises:
        DataError: if a record claims more than the file holds, or the file is
            packed in a way that is not read.
    """
    if path.suffix.lower() in _PACKED:
        raise errors.DataError(
            f"{path} must be a TFRecord file, plain or compressed by gzip. "
            f"Received: {path.suffix}. Unpack it first."
        )
    number, unpacked = 0, 0
    try:
        with _opened(path) as file:
            while head := file.read(_HEAD.size):
                number += 1
                length = _HEAD.unpack(head)[0] + _FOOT
                if not _skip(file, length):
                    raise EOFError("a record that does not end")
                unpacked += len(head) + length
                memory.check(path, unpacked, what="its records")
    except (EOFError, OSError, zlib.error, struct.error) as error:
        raise errors.DataError(
            f"{path.name}, near record {number or 1}: the file was cut off, "
            f"is damaged or is no TFRecord file ({errors.line(error)})."
        ) from None


def records(path: pathlib.Path, schema: dict) -> Iterator[tuple[int, dict]]:
    """Yields the number of each record, from 1, and its parsed features.

    Call `check` first.

    Args:
        path: the file, plain or compressed by gzip.
        schema: the features to read, for `tf.io.parse_single_example`.

    Raises:
        DataError: if a record has another form; the message names it.
    """
    number = 0
    try:
        for number, record in enumerate(_dataset(path), 1):
            yield number, tf.io.parse_single_example(record, schema)
    except tf.errors.OpError as error:
        raise errors.DataError(
            f"{path.name}, near record {number or 1}: {errors.line(error)}. "
            f"{_FORM if schema.keys() <= _KNOWN else _OWN_FORM}"
        ) from None


def first(path: pathlib.Path) -> dict[str, tf.train.Feature]:
    """Returns the features of the first record of a file, by name.

    Call `check` first.

    Args:
        path: the file, plain or compressed by gzip.

    Raises:
        DataError: if there is no record, or it is no `tf.train.Example`.
    """
    try:
        for record in _dataset(path).take(1):
            example = tf.train.Example.FromString(record.numpy())
            return dict(example.features.feature)
        raise EOFError("the file is empty")
    except Exception as error:  # TensorFlow and protobuf raise many kinds.
        raise errors.DataError(
            f"{path.name}, near record 1: {errors.line(error)}. {_FORM}"
        ) from None


def _dataset(path):
    kind = "GZIP" if _is_gzip(path) else ""
    # A name that is no UTF-8 is none as text.
    return tf.data.TFRecordDataset(bytes(path), kind)


def _is_index(path):
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    plain = [suffix for suffix in suffixes if suffix != ".gz"]
    return bool(plain) and plain[-1] in _NOT_RECORDS


def _is_gzip(path):
    """Returns whether a file is compressed, whatever its name says.

    A record of a certain length starts a plain file with the same bytes.
    """
    with path.open("rb") as file:
        if file.read(len(_GZIP)) != _GZIP:
            return False
    with contextlib.suppress(EOFError, OSError, zlib.error):
        with gzip.open(path) as file:
            file.read(1)
            return True
    return path.suffix.lower() == ".gz"


def _opened(path):
    return gzip.open(path) if _is_gzip(path) else path.open("rb")


def _skip(file, length):
    """Skips bytes; returns whether there were as many."""
    if not isinstance(file, gzip.GzipFile):
        end = file.tell() + length
        return end <= os.fstat(file.fileno()).st_size and file.seek(end) == end
    while length:
        piece = len(file.read(min(length, _PIECE)))
        if not piece:
            return False
        length -= piece
    return True
