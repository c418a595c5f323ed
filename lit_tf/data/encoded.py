"""Texts as codes in a file: made once of a table, and remembered by its hash.

There is one for each table, alphabet and length (see `kept`).
"""

import dataclasses
import functools
import os
import pathlib

import numpy as np
import tensorflow as tf

from lit_tf import errors
from lit_tf.data import characters, derived_files, rows, tables

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

    def read(folder, facts):
        labels = np.load(folder / "labels.npy", allow_pickle=False)
        return Encoded(
            codes=derived_files.map_rows(
                folder / "codes.bin", (len(labels), length)
            ),
            labels=labels,
            replaced=facts["replaced"],
            folder=folder,
        )

    return derived_files.load_or_create(
        table.name,
        key,
        source=table.source.parent,
        read=read,
        write=functools.partial(_write, table, key),
    )


def _write(table, key, folder):
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
    return {"replaced": replaced[0]}
