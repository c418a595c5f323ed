"""Random numbers as functions of (seed, epoch, example) or (seed, step).

No generator has a state: the numbers do not depend on what was drawn before, so
that a resumed run and every replica draw the same ones.
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

_LARGEST = 2**31 - 1
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
        crop: an augmentation such as `augment.Crop`.
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
    # random number for each example. It is one vectorised op, which does not
    # accept empty input: hence the padding.
    return tf.random.experimental.index_shuffle(
        tf.pad(index, [[0, 1]]), seed=tf.stack(key), max_index=largest
    )[:-1]
