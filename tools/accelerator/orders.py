"""Order and random integers of `lit_tf.data.keyed_random`, by NumPy alone.

TensorFlow enciphers an index with 4 rounds of the block cipher Simon (Beaulieu
et al., 2013) until it is in range. A test compares the numbers with those of
`keyed_random`.
"""

from collections.abc import Sequence

import numpy as np

_FIRST_KEY = 498247692  # TensorFlow's, before the two of the caller.
_KEYS, _ORDER, _DRAWS = 8, 0, 1  # As in `keyed_random`.
_LARGEST = 2**31 - 1


def order(examples: int, seed: int, epoch: int) -> np.ndarray:
    """Returns the example numbers of an epoch, `[examples]`, int32."""
    places = np.arange(examples)
    key = seed, epoch * _KEYS + _ORDER
    return _permuted(places, key, examples - 1).astype(np.int32)


def draws(
    examples: np.ndarray, seed: int, epoch: int, count: int
) -> np.ndarray:
    """Returns random integers of examples, `[count, examples]`, int32."""
    keys = [(seed, epoch * _KEYS + _DRAWS + n) for n in range(count)]
    found = [_permuted(examples, key, _LARGEST) for key in keys]
    return np.stack(found).astype(np.int32)


def _permuted(index: np.ndarray, key: Sequence[int], largest: int):
    bits = max(16, int(largest).bit_length())
    width = (bits + bits % 2) // 2
    ones = (1 << width) - 1

    def right(x, by):
        return ((x >> by) | (x << (width - by))) & ones

    def mixed(x):
        one, two, eight = (right(x, width - by % width) for by in (1, 2, 8))
        return (one & eight) ^ two

    keys = [k & ones for k in (_FIRST_KEY, *key)]
    # The first bit of Simon's constant sequence is 1.
    last = right(keys[2], 3) ^ right(keys[2], 4) ^ keys[0]
    keys.append((~3 & ones) ^ 1 ^ last)

    def enciphered(x):
        a, b = x >> width, x & ones
        for first, second in (keys[:2], keys[2:]):
            a = a ^ mixed(b) ^ first
            b = b ^ mixed(a) ^ second
        return (a << width) | b

    result = enciphered(np.asarray(index, np.int64))
    while (outside := result > largest).any():
        result[outside] = enciphered(result[outside])
    return result
