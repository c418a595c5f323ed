"""Random numbers as functions of (seed, epoch, example) or (seed, step).

No generator has a state: the numbers do not depend on what was drawn before, so
that a resumed run and every replica draw the same ones.
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

_LARGEST = 2**31 - 1
# The first key of `tf.random.experimental.index_shuffle`.
_FIRST_KEY = 498247692
# Independent keys in each epoch. The last key is for steps, not for epochs.
_KEYS, _ORDER, _AUGMENTATION, _TARGETS = 8, 0, 1, 7

Integer = int | tf.Tensor


def order(
    places: tf.Tensor, seed: int, epoch: Integer, examples: int
) -> tf.Tensor:
    """Returns the examples at some places of an epoch's random order.

    Args:
        places: positions in the epoch, `[batch]`, int32.
        seed: the seed of the run.
        epoch: number of the epoch, from 0.
        examples: number of examples in the epoch.

    Returns:
        Example numbers, `[batch]`, int32.
    """
    return _permute(places, [seed, epoch * _KEYS + _ORDER], examples - 1)


def target_places(
    places: tf.Tensor, seed: int, step: Integer, start: Integer, size: Integer
) -> tf.Tensor:
    """Returns places in the same batch in a random order.

    Args:
        places: positions in the epoch, `[batch]`, int32.
        seed: the seed of the order.
        step: number of the step, from 0.
        start: position of the batch's first example in the epoch.
        size: number of examples of the batch.

    Returns:
        Positions in the epoch, `[batch]`, int32, none of them twice.
    """
    key = [seed, tf.cast(step, tf.int32) * _KEYS + _TARGETS]
    return start + _permute(places - start, key, size - 1)


def order_within(
    places: tf.Tensor,
    group: tf.Tensor,
    sizes: tf.Tensor,
    seed: int,
    epoch: Integer,
) -> tf.Tensor:
    """Returns the numbers at some places of the random orders of groups.

    Args:
        places: positions in the order of each one's group, `[batch]`, int32.
        group: numbers of the groups, from 0, `[batch]`, int32.
        sizes: the size of each one's group, `[batch]`, int32.
        seed: the seed of the run.
        epoch: number of the epoch, from 0.

    Returns:
        Numbers from 0 in each one's group, `[batch]`, int32.
    """
    # Negative keys are those of no other order.
    key = tf.stack(
        [tf.fill(tf.shape(group), x) for x in (seed, epoch)] + [-1 - group], 1
    )
    return _shuffled(places, key, sizes - 1)


def batch_order(
    place: tf.Tensor, seed: int, epoch: Integer, batches: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the batch at a place of an epoch, and a random place.

    Args:
        place: position among the batches of the epoch, an int32 scalar.
        seed: the seed of the run.
        epoch: number of the epoch, from 0.
        batches: number of batches of the epoch; both results are 0 if it is 0.

    Returns:
        A batch number in [0, `batches`), and a place in [0, `batches`].
    """
    if not batches:
        return tf.constant(0), tf.constant(0)
    batch = _permute(
        place[tf.newaxis], [seed, -1 - _KEYS * epoch], batches - 1
    )[0]
    (between,) = tf.unstack(
        _permute(tf.zeros([1], tf.int32), [seed, -2 - _KEYS * epoch], batches),
        num=1,
    )
    return batch, between


def draws(
    examples: tf.Tensor, seed: int, epoch: Integer
) -> Callable[[int], tf.Tensor]:
    """Returns random integers as a function of (seed, epoch, example).

    Args:
        examples: example numbers, `[batch]`, int32.
        seed: the seed of the augmentation.
        epoch: number of the epoch, or of the view.

    Returns:
        A function: number ≥ 0 of the draw → `[batch]` integers in [0, 2³¹),
        independent ones for each number.
    """

    def draw(number):
        if number < 0:
            raise ValueError(
                f"The number of a draw must be ≥ 0. Received: number={number}."
            )
        if number < _TARGETS - _AUGMENTATION:
            key = [seed, epoch * _KEYS + _AUGMENTATION + number]
            return _permute(examples, key, _LARGEST)
        last = draw(_TARGETS - _AUGMENTATION - 1)
        return _permute(last, [number, _AUGMENTATION], _LARGEST)

    return draw


def augmented(
    inputs: Any,
    crop: Callable[[Any, Callable[[int], tf.Tensor]], Any],
    examples: tf.Tensor,
    seed: int,
    epoch: Integer,
) -> tf.Tensor:
    """Augments a batch as a function of (seed, epoch, example).

    Args:
        inputs: the batch, `[batch, ...]`, nested as in the split.
        crop: an augmentation such as `crops.Crop`.
        examples: example numbers, `[batch]`, int32.
        seed: the seed of the augmentation.
        epoch: number of the epoch, or of the view.
    """
    return crop(inputs, draws(examples, seed, epoch))


def unit_interval(integers: tf.Tensor) -> tf.Tensor:
    """Returns random integers in [0, 2³¹) as float32 numbers in [0, 1)."""
    return tf.cast(integers // 2**7, tf.float32) / 2**24


def _permute(index: tf.Tensor, key: Sequence[Any], largest: Integer):
    # A keyed permutation of 0 … largest, computed only where needed. Used as an
    # order, it visits each example once. Used as a hash, it gives a stateless
    # random number for each example.
    return _shuffled(index, tf.stack([_FIRST_KEY, *key]), largest)


def _shuffled(index, key, largest):
    # TensorFlow's cipher has a bit too few where the largest number is a power
    # of two above 2¹⁵: two results would be equal. There the range gets one
    # number more, and a result outside is enciphered again.
    wide = tf.convert_to_tensor(largest, tf.int32)
    power = tf.equal(tf.bitwise.bitwise_and(wide, wide - 1), 0)
    wide += tf.cast(power & (wide > 2**15), tf.int32)
    result = _enciphered(index, key, wide)
    return tf.where(result > largest, _enciphered(result, key, wide), result)


def _enciphered(index, key, largest):
    # One vectorised op, which does not accept empty input: hence the padding.
    def padded(tensor):
        return tf.pad(tensor, [[0, 1]] + [[0, 0]] * (tensor.shape.rank - 1))

    of_each = key.shape.rank == 2
    return tf.raw_ops.RandomIndexShuffle(
        index=padded(index),
        seed=padded(key) if of_each else key,
        max_index=padded(largest) if of_each else largest,
        rounds=4,
    )[:-1]
