"""Characters as numbers: one table, in training and in serving.

Code 0 is padding, codes 1 … n are the n characters of an alphabet, and n + 1
is any other character. Numbers and order are the published code's.
"""

import functools

import numpy as np
import tensorflow as tf

# Zhang et al. (2015), as the published code orders it; the space comes last.
ALPHABET = (
    "abcdefghijklmnopqrstuvwxyz0123456789-,;.!?:'\"/|_#$%^&*~`+=<>()[]{} "
)
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def count(alphabet: str) -> int:
    """Returns how many codes there are, with padding and the unknown one."""
    return len(alphabet) + 2


def encode(texts: tf.Tensor, *, alphabet: str, length: int) -> tf.Tensor:
    """Computes the codes of texts, in a graph or out of it.

    A character is a code point: an accent, an emoji or a Chinese character is
    one unknown, however many bytes it has. So is every stretch of bytes that is
    no UTF-8.

    Args:
        texts: `[batch]`, strings in UTF-8, of any length.
        alphabet: lower-case characters; capitals count as their small letters.
        length: to which texts are cut or padded.

    Returns:
        `[batch, length]`, uint8.
    """
    # No more is looked at, however long a text is: UTF-8 has 4 bytes at most.
    texts = tf.strings.substr(texts, 0, 4 * length)
    characters = tf.strings.length(texts, unit="UTF8_CHAR")
    plain = tf.equal(tf.strings.length(texts), characters)
    # Most texts are plain: every byte is a character, or none. To take apart
    # the others takes several times as long.
    kinds = {_of_bytes: plain, _of_points: tf.logical_not(plain)}
    places = [
        tf.cast(tf.where(kind)[:, 0], tf.int32) for kind in kinds.values()
    ]
    table = _table(alphabet)
    codes = [
        of(tf.gather(texts, place), table, length)
        for of, place in zip(kinds, places, strict=True)
    ]
    return tf.dynamic_stitch(places, codes)


def decode(codes: tf.Tensor, *, alphabet: str) -> tf.Tensor:
    """Returns texts that have these codes, `[batch]`.

    Args:
        codes: `[batch, length]`, as `encode` returns them.
        alphabet: the same.
    """
    characters = tf.constant(["", *alphabet, _REPLACEMENT])
    return tf.strings.reduce_join(
        tf.gather(characters, tf.cast(codes, tf.int32)), axis=-1
    )


def _of_bytes(texts, table, length):
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


def _of_points(texts, table, length):
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
    """Returns the code of each code point, to one past the last it knows."""
    codes = {character: i for i, character in enumerate(alphabet, 1)}
    known = {
        point: codes[chr(point).lower()]
        for point in range(0xFFFF)
        if chr(point).lower() in codes
    }
    table = np.full(max(known) + 2, len(alphabet) + 1, np.uint8)
    table[list(known)] = list(known.values())
    return table
