"""Encoded texts in a file: encoded once, then found by the table's hash.

There is one file for each table, encoder and array of its codes.
"""

import contextlib
import dataclasses
import functools
import os
import pathlib
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from lit_tf import errors
from lit_tf.data import derived_files, rows, tables
from lit_tf.utils import npz_files

_FORMAT = 1  # Increase it when the meaning of the stored files changes.


class Encoder(Protocol):
    """A function of texts that returns arrays of numbers.

    Attributes:
        key: everything that the numbers depend on, as JSON values.
        length: the number of characters that are read of each text; None for
            all.
        forms: shape of an example and type of the numbers, by array.
    """

    key: Mapping[str, Any]
    length: int | None
    forms: Mapping[str, tuple[tuple[int, ...], np.dtype]]

    def __call__(self, texts: tf.Tensor) -> Mapping[str, tf.Tensor]:
        """Returns the arrays `[batch, ...]` by name.

        Args:
            texts: `[batch]`, UTF-8 strings.
        """


@dataclasses.dataclass(frozen=True, kw_only=True)
class Encoded:
    """The encoded texts of a table.

    Args:
        arrays: `[rows, ...]`, by name.
        labels: class numbers from 0, `[rows]`; `[rows, 0]` of texts alone.
        replaced: number of bytes that were not valid UTF-8.
        folder: the folder that holds the files.
    """

    arrays: Mapping[str, rows.Rows]
    labels: np.ndarray
    replaced: int
    folder: pathlib.Path


def encode(
    table: tables.Table,
    encoder: Encoder,
    *,
    classes: int | None,
    cache_dir: str = "",
) -> Encoded:
    """Returns a table's codes; encodes the table unless an earlier call did.

    Args:
        table: the table of texts, with or without labels.
        encoder: the function that encodes texts.
        classes: the largest label allowed in the table; 0 for texts alone, None
            for either (see `tables.read`).
        cache_dir: the folder to store the codes in; "" for the user's cache.

    Raises:
        DataError: if the table is empty or damaged, or the disk has no room.
    """
    key = {
        "format": _FORMAT,
        "sha256": table.digest,
        "table": table.name,
        **encoder.key,
        "classes": classes,
    }

    def read(folder, facts):
        labels = npz_files.read_array(folder / "labels.npy")
        texts_alone = labels.shape[1:] == (0,)
        if labels.dtype != np.int32 or not (
            texts_alone or (labels.ndim == 1 and labels.min() >= 0)
        ):
            raise ValueError("The stored labels have another form.")
        return Encoded(
            arrays={
                name: derived_files.map_rows(
                    folder / f"{name}.bin", (len(labels), *shape), dtype
                )
                for name, (shape, dtype) in encoder.forms.items()
            },
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
        write=functools.partial(_write, table, encoder, classes),
    )


def _write(table, encoder, classes, folder):
    encode = tf.function(
        encoder, input_signature=[tf.TensorSpec([None], tf.string)]
    )
    labels, replaced = [], 0
    with contextlib.ExitStack() as stack:
        files = {
            name: stack.enter_context((folder / f"{name}.bin").open("wb"))
            for name in encoder.forms
        }
        stack.enter_context(tf.device("CPU:0"))
        for batch in tables.read(table, classes=classes, length=encoder.length):
            arrays = encode(tf.constant(batch.texts))
            for name, file in files.items():
                file.write(arrays[name].numpy())
            labels.append(np.array(batch.labels, np.int32))
            replaced += batch.replaced
        for file in files.values():
            file.flush()
            os.fsync(file.fileno())
    if not labels:
        raise errors.DataError(f"{table.name} in {table.source} is empty.")
    np.save(folder / "labels.npy", np.concatenate(labels))
    return {"replaced": replaced}
