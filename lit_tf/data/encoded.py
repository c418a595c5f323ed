"""Encoded texts in a file: encoded once, then found by the table's hash.

There is one file for each table, alphabet and text length.
"""

import dataclasses
import functools
import os
import pathlib

import numpy as np
import tensorflow as tf

from lit_tf import errors
from lit_tf.data import characters, derived_files, rows, tables
from lit_tf.utils import npz_files

_FORMAT = 1  # Increase it when the meaning of the stored files changes.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Encoded:
    """The encoded texts of a table.

    Args:
        codes: `[rows, length]`, uint8.
        labels: class numbers, `[rows]`, from 0.
        replaced: number of bytes that were not valid UTF-8.
        folder: the folder that holds the files.
    """

    codes: rows.Rows
    labels: np.ndarray
    replaced: int
    folder: pathlib.Path


def encode(
    table: tables.Table,
    *,
    alphabet: str,
    length: int,
    classes: int | None,
    cache_dir: str = "",
) -> Encoded:
    """Returns a table's codes; encodes the table unless an earlier call did.

    Args:
        table: the table of labels and texts.
        alphabet: the alphabet of `characters.encode`.
        length: the length of an encoded text in characters.
        classes: the largest label allowed in the table; None for any.
        cache_dir: the folder to store the codes in; "" for the user's cache.

    Raises:
        DataError: if the table is empty or damaged, or the disk has no room.
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
        labels = npz_files.read_array(folder / "labels.npy")
        if labels.ndim != 1 or labels.dtype != np.int32 or labels.min() < 0:
            raise ValueError("The stored labels have another form.")
        return Encoded(
            codes=derived_files.map_rows(
                folder / "codes.bin", (len(labels), length)
            ),
            labels=labels,
            replaced=int(facts["replaced"]),
            folder=folder,
        )

    return derived_files.load_or_create(
        table.name,
        key,
        source=table.source.parent,
        cache_dir=cache_dir,
        portable=True,  # The key has a hash of the whole table.
        read=read,
        write=functools.partial(_write, table, key),
    )


def _write(table, key, folder):
    settings = {"alphabet": key["alphabet"], "length": key["length"]}
    encode = tf.function(
        functools.partial(characters.encode, **settings),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    labels, replaced = [], 0
    with (folder / "codes.bin").open("wb") as file, tf.device("CPU:0"):
        for batch in tables.read(
            table, classes=key["classes"], length=key["length"]
        ):
            file.write(encode(tf.constant(batch.texts)).numpy())
            labels.append(np.array(batch.labels, np.int32))
            replaced += batch.replaced
        file.flush()
        os.fsync(file.fileno())
    if not labels:
        raise errors.DataError(f"{table.name} in {table.source} is empty.")
    np.save(folder / "labels.npy", np.concatenate(labels))
    return {"replaced": replaced}
