"""Batches of a split, sought by step.

The order of an epoch is a permutation of (seed, epoch) and a variation is a
function of (seed, epoch, example): neither depends on what was read before. A
run that resumes at step n therefore sees what an undisturbed one sees.
"""

import math

import tensorflow as tf

from lit_tf.data import augment
from lit_tf.data.dataset import Split

_LARGEST = 2**31 - 1
# Independent random numbers that an example may need in an epoch.
_KEYS, _ORDER, _VARIATION = 8, 0, 1


def steps_per_epoch(split: Split, batch_size: int) -> int:
    """Returns the batches of an epoch, the last short one included."""
    return math.ceil(len(split) / batch_size)


def training(
    split: Split,
    *,
    batch_size: int,
    epochs: int,
    seed: int,
    crop: augment.Crop,
    first_step: int = 0,
) -> tf.data.Dataset:
    """Returns shuffled, varied batches from a step on, to the last epoch's end.

    Args:
        split: what is trained on.
        batch_size: examples a step; an epoch's last batch may be shorter.
        epochs: where the batches end.
        seed: of order and variation, in [0, 2³¹).
        crop: the variation.
        first_step: the step, counted from 0 at epoch 0, of the first batch.

    Returns:
        (inputs `[batch, ...]`, labels `[batch]`) a step.
    """
    examples = len(split)
    steps = steps_per_epoch(split, batch_size)
    inputs, labels = _resident(split)

    def batch(step):
        epoch = tf.cast(step // steps, tf.int32)
        start = tf.cast(step % steps, tf.int32) * batch_size
        places = tf.range(start, tf.minimum(start + batch_size, examples))
        keys = epoch * _KEYS
        chosen = _random(places, [seed, keys + _ORDER], examples - 1)

        def draw(number):
            if not 0 <= number < _KEYS - _VARIATION:
                raise ValueError(f"No random number {number} an example.")
            return _random(chosen, [seed, keys + _VARIATION + number], _LARGEST)

        return crop(tf.gather(inputs, chosen), draw), tf.gather(labels, chosen)

    return (
        tf.data.Dataset.range(first_step, steps * epochs)
        .map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def evaluation(split: Split, *, batch_size: int) -> tf.data.Dataset:
    """Returns the batches of a split in its own order, once, unvaried."""
    return (
        tf.data.Dataset.from_tensor_slices(_resident(split))
        .batch(batch_size, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )


def _resident(split):
    with tf.device("CPU:0"):
        return tf.constant(split.inputs), tf.constant(split.labels)


def _random(index, key, largest):
    # A keyed permutation of 0 … largest, evaluated where it is needed: as an
    # order it visits each example once; as a hash it is a stateless random
    # number an example, in one vectorised op.
    return tf.random.experimental.index_shuffle(
        index, seed=tf.stack(key), max_index=largest
    )
