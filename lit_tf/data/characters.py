"""Encoding of texts as character codes; one table for training and serving.

Code 0 is padding, codes 1 … n are the n characters of an alphabet, and n + 1 is
any other character. The numbering is that of the published code.
"""

import functools

import numpy as np
import tensorflow as tf

# Zhang et al. (2015), in the order of the published code; the space is last.
ALPHABET = (
    "abcdefghijklmnopqrstuvwxyz0123456789-,;.!?:'\"/|_#$%^&*~`+=<>()[]{} "
)
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Encoder:
    """Encodes texts as character codes (see `encode`).

    Args:
        alphabet: lower-case characters.
        length: the length to which texts are cut or padded.
    """

    def __init__(self, alphabet: str, length: int):
        self.key = {"alphabet": alphabet, "length": length}
        self.length = length
        self.forms = {"codes": ((length,), np.dtype(np.uint8))}

    def __call__(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns `codes`, `[batch, length]`, uint8."""
        return {"codes": encode(texts, **self.key)}


def count(alphabet: str) -> int:
    """Returns the number of codes, including padding and unknown."""
    return len(alphabet) + 2


def encode(texts: tf.Tensor, *, alphabet: str, length: int) -> tf.Tensor:
    """Encodes texts as character codes, in graph or eager mode.

    A character is a code point: a combining accent, an emoji or a Chinese
    character is one unknown, regardless of its number of bytes. Each sequence
    of bytes that is not valid UTF-8 is one unknown too.

    Args:
        texts: `[batch]`, UTF-8 strings of any length.
        alphabet: lower-case characters; upper-case ones have the same codes.
        length: the length to which texts are cut or padded.

    Returns:
        `[batch, length]`, uint8.
    """
    # A UTF-8 character has 4 bytes at most, so that the rest is never needed.
    texts = tf.strings.substr(texts, 0, 4 * length)
    characters = tf.strings.length(texts, unit="UTF8_CHAR")
    plain = tf.equal(tf.strings.length(texts), characters)
    # In most texts every character is one byte. Decoding the others takes
    # several times as long.
    kinds = {_encode_bytes: plain, _encode_points: tf.logical_not(plain)}
    places = [
        tf.cast(tf.where(kind)[:, 0], tf.int32) for kind in kinds.values()
    ]
    table = _table(alphabet)
    codes = [
        encode_kind(tf.gather(texts, place), table, length)
        for encode_kind, place in zip(kinds, places, strict=True)
    ]
    return tf.dynamic_stitch(places, codes)


def decode(codes: tf.Tensor, *, alphabet: str) -> tf.Tensor:
    """Decodes character codes to texts, `[batch]`.

    Args:
        codes: `[batch, length]`, as `encode` returns them.
        alphabet: the alphabet that `encode` used.
    """
    characters = tf.constant(["", *alphabet, _REPLACEMENT])
    return tf.strings.reduce_join(
        tf.gather(characters, tf.cast(codes, tf.int32)), axis=-1
    )


def _encode_bytes(texts, table, length):
    known = np.full(256, table[-1])
    known[: min(128, len(table))] = table[:128]
    texts = tf.strings.substr(texts, 0, length)
    joined = tf.io.decode_raw(tf.strings.reduce_join(texts), tf.uint8)
    codes = tf.RaggedTensor.from_row_lengths(
        tf.gather(tf.constant(known), tf.cast(joined, tf.int32)),
        tf.strings.length(texts),
        validate=False,
    )
    return codes.to_tensor(0, shape=[None, length])


def _encode_points(texts, table, length):
    points = tf.strings.unicode_decode(texts, "UTF-8", errors="replace")
    codes = tf.ragged.map_flat_values(
        lambda point: tf.gather(
            tf.constant(table), tf.minimum(point, len(table) - 1)
        ),
        points[:, :length],
    )
    return codes.to_tensor(0, shape=[None, length])


@functools.cache
def _table(alphabet):
    """Returns codes by code point; the last entry is the unknown code."""
    codes = {character: i for i, character in enumerate(alphabet, 1)}
    known = {
        point: codes[chr(point).lower()]
        for point in range(0xFFFF)
        if chr(point).lower() in codes
    }
    table = np.full(max(known) + 2, len(alphabet) + 1, np.uint8)
    table[list(known)] = list(known.values())
    return table
