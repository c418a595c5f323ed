"""Texts as codes in a file: made once of a table, and remembered by its hash.

Beside the table (or in the user's cache, where nothing can be written there) is
a folder `encoded`, and in it one for each table, alphabet and length. They may
be removed at any time.
"""

import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import json
import os
import pathlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from lit_tf import characters, errors, files
from lit_tf.data import rows, tables

_FORMAT = 1  # To be raised when what is kept changes its meaning.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Encoded:
    """A table's codes, its labels, and what was noticed.

    Args:
        codes: `[rows, length]`, uint8.
        labels: `[rows]`, from 0.
        replaced: bytes that were no UTF-8.
        folder: where they are.
    """

    codes: rows.Rows
    labels: np.ndarray
    replaced: int
    folder: pathlib.Path


def encode(
    table: tables.Table, *, alphabet: str, length: int, classes: int | None
) -> Encoded:
    """Returns a table's codes, read from it where nobody had yet.

    Args:
        table: labels and texts.
        alphabet: of `characters.encode`.
        length: of an encoded text.
        classes: the largest label, or None for any.

    Raises:
        DataError: the table is empty or damaged, or there is no room.
    """
    key = {
        "format": _FORMAT,
        "sha256": table.digest,
        "table": table.name,
        "alphabet": alphabet,
        "length": length,
        "classes": classes,
    }
    text = json.dumps(key, sort_keys=True).encode()
    name = f"{table.name}-{hashlib.sha256(text).hexdigest()[:16]}"
    home = _home(table.source.parent)
    with _alone(home / f".{name}.lock"):
        folder = home / name
        found = _found(folder, key)
        if found is None:
            with files.whole(folder) as partial:
                _write(table, key, partial)
            found = _found(folder, key)
        return found


def _home(beside):
    if os.access(beside, os.W_OK):
        return beside / "encoded"
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache) / "lit_tf" / "encoded"


@contextlib.contextmanager
def _alone(path) -> Iterator[None]:
    """Waits until no other process encodes the same."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("w")
    except OSError as error:
        raise errors.DataError(
            f"{path.parent} cannot be written to ({error.strerror})."
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _found(folder, key):
    """Returns what is kept in a folder, None where it is not whole."""
    codes = folder / "codes.bin"
    try:
        facts = json.loads((folder / "facts.json").read_text())
        labels = np.load(folder / "labels.npy", allow_pickle=False)
        shape = (len(labels), key["length"])
        whole = facts["key"] == key
        whole &= codes.stat().st_size == shape[0] * shape[1]
    except (OSError, ValueError, KeyError):
        return None
    if not whole:
        return None
    mapped = np.memmap(codes, np.uint8, "r", shape=shape)
    return Encoded(
        codes=rows.Rows(mapped),
        labels=labels,
        replaced=facts["replaced"],
        folder=folder,
    )


def _write(table, key, folder):
    folder.mkdir()
    settings = {"alphabet": key["alphabet"], "length": key["length"]}
    encode = tf.function(
        functools.partial(characters.encode, **settings),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    labels, replaced = [], [0]
    with (folder / "codes.bin").open("wb") as file, tf.device("CPU:0"):
        for some in tables.read(
            table, classes=key["classes"], replaced=replaced
        ):
            # What lies behind the cut need not become a tensor.
            texts = [text[: key["length"]] for text in some.texts]
            file.write(encode(tf.constant(texts)).numpy())
            labels.append(np.array(some.labels, np.int32))
        file.flush()
        os.fsync(file.fileno())
    if not labels:
        raise errors.DataError(f"{table.name} in {table.source} is empty.")
    np.save(folder / "labels.npy", np.concatenate(labels))
    facts = {"key": key, "replaced": replaced[0]}
    files.write_json(folder / "facts.json", facts)
