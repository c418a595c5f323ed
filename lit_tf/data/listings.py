"""Readers of files that list images and their attributes."""

import contextlib
import csv
import dataclasses
import pathlib
from collections.abc import Iterable

import numpy as np

from lit_tf import errors
from lit_tf.data import image_files
from lit_tf.utils import text_lines

_LONGEST = 1_000_000  # Characters of a row.
_VALUES = {"1": 1, "0": 0, "-1": 0}
_TEST = {"0": False, "1": False, "2": True}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
    """Names and attributes of images, read from a file.

    Args:
        source: the file.
        names: names of the images, in the file's order.
        attributes: names of the attributes, in the file's order.
        values: `[images, attributes]`, 0 or 1, uint8.
    """

    source: pathlib.Path
    names: tuple[str, ...]
    attributes: tuple[str, ...]
    values: np.ndarray


def read_csv(path: pathlib.Path) -> Listing:
    """Reads a CSV file: a header, then one row for each image.

    The first column is the image's name; each other column is an attribute.

    Raises:
        DataError: if the file has another form; the message names the line.
    """
    with _opened(path) as lines:
        reader = csv.reader(lines, skipinitialspace=True)
        try:
            header = next(reader, [])
            rows = ((reader.line_num, row) for row in _rows(reader, lines))
            return _listing(path, header[1:], rows)
        except csv.Error as error:
            raise errors.DataError(
                f"{path.name}, line {reader.line_num}: {errors.line(error)}."
            ) from None


def read_celeba(path: pathlib.Path) -> Listing:
    """Reads CelebA's list: number of rows, attributes, one row for each image.

    Values are separated by blanks.

    Raises:
        DataError: if the file has another form; the message names the line.
    """
    with _opened(path) as lines:
        count, header = next(lines, "").strip(), next(lines, "").split()
        listing = _listing(path, header, _words(lines, start=3))
    rows = len(listing.names)
    if not count.isdecimal() or int(count) != rows:
        raise errors.DataError(
            f"{path.name}, line 1: must be the number of rows, {rows}. "
            f"Received: {count[:40]!r}."
        )
    return listing


def read_partition(path: pathlib.Path, names: Iterable[str]) -> np.ndarray:
    """Reads CelebA's partition: rows of an image's name and 0, 1 or 2.

    0 is training, 1 validation, 2 test.

    Args:
        path: the file.
        names: names of the images.

    Returns:
        Whether each image is in the test split, `[images]`.

    Raises:
        DataError: if a row has another form, or an image has no row.
    """
    parts = {}
    with _opened(path) as lines:
        for line, fields in _words(lines, start=1):
            if len(fields) != 2 or fields[1] not in _TEST:
                raise errors.DataError(
                    f"{path.name}, line {line}: a row must have a name and 0, "
                    f"1 or 2. Received: {' '.join(fields)[:40]!r}."
                )
            parts[fields[0]] = _TEST[fields[1]]
    missing = [name for name in names if name not in parts]
    if missing:
        raise errors.DataError(
            f"{path.name} must have a row for every image. Received: no row "
            f"for {len(missing):,} images, the first {missing[0]}."
        )
    return np.array([parts[name] for name in names])


@contextlib.contextmanager
def _opened(path):
    """Opens a file; names in it need not be valid UTF-8, as those of files."""
    try:
        with path.open(
            encoding="utf-8-sig", errors="surrogateescape", newline=""
        ) as file:
            yield text_lines.Lines(file, _LONGEST)
    except csv.Error as error:
        raise errors.DataError(f"{path.name}: {errors.line(error)}.") from None


def _rows(reader, lines):
    lines.start_row()
    for row in reader:
        lines.start_row()
        if row:
            yield row


def _words(lines, *, start):
    """Yields the number and the words of each line that is not blank."""
    for line, text in enumerate(lines, start):
        lines.start_row()
        if words := text.split():
            yield line, words


def _listing(path, attributes, rows):
    """Checks rows of (line, [name, value, ...]) and returns their listing."""
    if not attributes or not all(attributes):
        raise errors.DataError(
            f"{path.name}: the header must name at least one attribute. "
            f"Received: {', '.join(attributes)[:80]!r}."
        )
    if len(set(attributes)) < len(attributes):
        twice = max(attributes, key=attributes.count)
        raise errors.DataError(
            f"{path.name}: the header must name each attribute once. Received: "
            f"{image_files.printable(twice)} again."
        )
    names, values = {}, bytearray()
    for line, (name, *words) in rows:
        if len(words) != len(attributes):
            raise errors.DataError(
                f"{path.name}, line {line}: a row must have a name and "
                f"{len(attributes)} values, one for each attribute in the "
                f"header. Received: {len(words)} values."
            )
        try:
            values += bytes(map(_VALUES.__getitem__, words))
        except KeyError:
            wrong = next(i for i, w in enumerate(words) if w not in _VALUES)
            shown = image_files.printable(attributes[wrong])
            raise errors.DataError(
                f"{path.name}, line {line}: {shown} must be 0, 1 "
                f"or -1. Received: {words[wrong][:40]!r}."
            ) from None
        if names.setdefault(name, line) != line:
            raise errors.DataError(
                f"{path.name}, line {line}: an image must have one row. "
                f"Received: {image_files.printable(name)}, of line "
                f"{names[name]}, again."
            )
    if not names:
        raise errors.DataError(f"{path} lists no images.")
    return Listing(
        source=path,
        names=tuple(names),
        attributes=tuple(map(image_files.printable, attributes)),
        values=np.frombuffer(values, np.uint8).reshape(len(names), -1),
    )
