"""Lists of pictures and their attributes, in the layouts that people have."""

import csv
import dataclasses
import pathlib
from collections.abc import Iterable

import numpy as np

from lit_tf import errors

_VALUES = {"1": 1, "0": 0, "-1": 0}
_TEST = {"0": False, "1": False, "2": True}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
    """What a file says of pictures.

    Args:
        source: the file.
        names: of the pictures, in its order.
        attributes: their names, in its order.
        values: `[pictures, attributes]`, 0 or 1, uint8.
    """

    source: pathlib.Path
    names: tuple[str, ...]
    attributes: tuple[str, ...]
    values: np.ndarray


def read_csv(path: pathlib.Path) -> Listing:
    """Reads commas between values: a header, then a row a picture.

    The first column is the name of a picture; every other is an attribute.

    Raises:
        DataError: the file is not like that; the message names the line.
    """
    with _opened(path) as file:
        reader = csv.reader(file, skipinitialspace=True)
        try:
            header = next(reader, [])
            rows = ((reader.line_num, row) for row in reader if row)
            return _listing(path, header[1:], rows)
        except csv.Error as error:
            raise errors.DataError(
                f"{path.name}, line {reader.line_num}: {errors.line(error)}."
            ) from None


def read_celeba(path: pathlib.Path) -> Listing:
    """Reads blanks between values: a count, the attributes, a row a picture.

    Raises:
        DataError: the file is not like that; the message names the line.
    """
    with _opened(path) as file:
        count, header = file.readline().strip(), file.readline().split()
        listing = _listing(path, header, _lines(file, start=3))
    rows = len(listing.names)
    if not count.isdecimal() or int(count) != rows:
        raise errors.DataError(
            f"{path.name}, line 1: it must be the number of rows, {rows}. "
            f"Received: {count[:40]!r}."
        )
    return listing


def read_partition(path: pathlib.Path, names: Iterable[str]) -> np.ndarray:
    """Reads which pictures are to test on: a row each, its name and 0, 1 or 2.

    0 is to train on, 1 to validate on, 2 to test on.

    Args:
        path: the file.
        names: of the pictures.

    Returns:
        Whether each of them is to test on, `[pictures]`.

    Raises:
        DataError: a row is not like that, or there is none of a picture.
    """
    parts = {}
    with _opened(path) as file:
        for line, fields in _lines(file, start=1):
            if len(fields) != 2 or fields[1] not in _TEST:
                raise errors.DataError(
                    f"{path.name}, line {line}: a row must have a name and 0, "
                    f"1 or 2. Received: {' '.join(fields)[:40]!r}."
                )
            parts[fields[0]] = _TEST[fields[1]]
    missing = [name for name in names if name not in parts]
    if missing:
        raise errors.DataError(
            f"{path.name} must have a row of every picture. Received: none of "
            f"{len(missing):,}, the first {missing[0]}."
        )
    return np.array([parts[name] for name in names])


def _opened(path):
    return path.open(encoding="utf-8-sig", errors="replace", newline="")


def _lines(file, *, start):
    """Yields the number and the words of each line that has any."""
    for line, text in enumerate(file, start):
        if words := text.split():
            yield line, words


def _listing(path, attributes, rows):
    """Returns a checked listing of rows, (line, [name, value, ...])."""
    if not attributes or not all(attributes):
        raise errors.DataError(
            f"{path.name}: its header must name one attribute or more. "
            f"Received: {', '.join(attributes)[:80]!r}."
        )
    if len(set(attributes)) < len(attributes):
        twice = max(attributes, key=attributes.count)
        raise errors.DataError(
            f"{path.name}: its header must name an attribute once. Received: "
            f"{twice} again."
        )
    names, values = {}, bytearray()
    for line, (name, *words) in rows:
        if len(words) != len(attributes):
            raise errors.DataError(
                f"{path.name}, line {line}: a row must have a name and "
                f"{len(attributes)} values, as the header has attributes. "
                f"Received: {len(words)} values."
            )
        try:
            values += bytes(map(_VALUES.__getitem__, words))
        except KeyError:
            wrong = next(i for i, w in enumerate(words) if w not in _VALUES)
            raise errors.DataError(
                f"{path.name}, line {line}: {attributes[wrong]} must be 0, 1 "
                f"or -1. Received: {words[wrong][:40]!r}."
            ) from None
        if names.setdefault(name, line) != line:
            raise errors.DataError(
                f"{path.name}, line {line}: a picture must have one row. "
                f"Received: {name}, of line {names[name]}, again."
            )
    if not names:
        raise errors.DataError(f"{path} lists no pictures.")
    return Listing(
        source=path,
        names=tuple(names),
        attributes=tuple(attributes),
        values=np.frombuffer(values, np.uint8).reshape(len(names), -1),
    )
