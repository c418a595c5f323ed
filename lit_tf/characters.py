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
    points = tf.strings.unicode_decode(texts, "UTF-8", errors="replace")
    table = tf.constant(_table(alphabet))
    codes = tf.ragged.map_flat_values(
        lambda point: tf.gather(table, tf.minimum(point, len(table) - 1)),
        points[:, :length],
    )
    return codes.to_tensor(0, shape=[None, length])


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


@functools.cache
def _table(alphabet):
    """Returns the code of every code point up to the last that has one."""
    codes = {character: i for i, character in enumerate(alphabet, 1)}
    known = {
        point: codes[chr(point).lower()]
        for point in range(0xFFFF)
        if chr(point).lower() in codes
    }
    table = np.full(max(known) + 2, len(alphabet) + 1, np.uint8)
    table[list(known)] = list(known.values())
    return table
