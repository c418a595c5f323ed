"""Batches of texts of like length, which need little padding.

A text belongs to the bucket of the shortest of a few fixed lengths that holds
it. An epoch's order is random within each bucket, and so is the order of the
batches. Like every order it is a function of (seed, epoch, step).
"""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from lit_tf import errors
from lit_tf.data import keyed_random

MASK = "padding_mask"
_BLOCK = 8192  # Texts whose lengths are read at a time.


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LengthBuckets:
    """The examples of a split by their bucket.

    Args:
        members: the examples' numbers, bucket after bucket, `[examples]`.
        sizes: the number of examples of each bucket, none of them 0.
        lengths: the length of each bucket, ascending.
        whole: the length of the stored arrays.
    """

    members: np.ndarray
    sizes: tuple[int, ...]
    lengths: tuple[int, ...]
    whole: int

    def cut(self, inputs: Any, length: tf.Tensor | int) -> Any:
        """Returns inputs without the padding after a length.

        Args:
            inputs: `[batch, ...]`, nested; those `[batch, whole, ...]` are cut.
            length: the number of positions to keep.
        """

        def cut(array):
            of_positions = array.shape[1:2] == (self.whole,)
            return array[:, :length] if of_positions else array

        return tf.nest.map_structure(cut, inputs)

    def samples(self, split: Any, count: int) -> list[tuple[float, Any]]:
        """Returns a few examples of each bucket, cut to its length.

        Args:
            split: the `Split` whose examples these are.
            count: the largest number of examples of a bucket.

        Returns:
            For each bucket its share of all examples, and a `Split`.
        """
        found, start = [], 0
        for size, length in zip(self.sizes, self.lengths, strict=True):
            some = split.take(self.members[start : start + min(count, size)])
            inputs = self.cut(some.read(0, len(some)), length)
            share = size / len(self.members)
            found.append((share, dataclasses.replace(some, inputs=inputs)))
            start += size
        return found


class Order:
    """The order of an epoch: random within buckets, batches shuffled.

    The texts of a batch are neighbours in the list of all buckets, so that few
    batches hold two lengths; these are padded to the longer one. The batch that
    is smaller than the others comes last, and takes its texts from a random
    place of the list.

    Args:
        buckets: the examples by bucket.
        batch_size: number of examples of a step.
        seed: the seed of the run.
    """

    def __init__(self, buckets: LengthBuckets, *, batch_size: int, seed: int):
        self._buckets = buckets
        self._size = batch_size
        self._seed = seed
        examples = len(buckets.members)
        self._full = (examples - 1) // batch_size  # Batches before the last.
        self._rest = examples - self._full * batch_size
        sizes = np.array(buckets.sizes, np.int32)
        self._ends = np.cumsum(sizes, dtype=np.int32)
        with tf.device("CPU:0"):
            self._members = tf.constant(buckets.members)
            self._sizes = tf.constant(sizes)
            self._starts = tf.constant(self._ends - sizes)

    def span(self, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns a batch's first place in the list, and its size.

        Args:
            step: number of the step, counted from 0 at epoch 0.
        """
        epoch = tf.cast(step // (self._full + 1), tf.int32)
        step = tf.cast(step % (self._full + 1), tf.int32)
        batches, last = keyed_random.batch_order(
            tf.minimum(step, self._full - 1), self._seed, epoch, self._full
        )
        before = tf.cast(batches >= last, tf.int32) * self._rest
        start = tf.where(
            step < self._full,
            batches * self._size + before,
            last * self._size,
        )
        return start, tf.where(step < self._full, self._size, self._rest)

    def examples(self, places: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
        """Returns the examples at some places of the list.

        Args:
            places: places in the list, `[batch]`, int32.
            epoch: number of the epoch, from 0.
        """
        bucket = self._bucket(places)
        start = tf.gather(self._starts, bucket)
        place = keyed_random.order_within(
            places - start,
            bucket,
            tf.gather(self._sizes, bucket),
            self._seed,
            epoch,
        )
        return tf.gather(self._members, start + place)

    def cut(self, inputs: Any, step: tf.Tensor) -> Any:
        """Returns the inputs of a step without needless padding.

        Args:
            inputs: `[batch, ...]`, nested.
            step: number of the step.
        """
        start, size = self.span(step)
        last = self._bucket((start + size - 1)[tf.newaxis])[0]
        return self._buckets.cut(inputs, tf.gather(self._buckets.lengths, last))

    def _bucket(self, places):
        return tf.searchsorted(self._ends, places, side="right")


def of(inputs: Any, count: int) -> LengthBuckets:
    """Returns the buckets of the examples of a split.

    Args:
        inputs: `Split.inputs`, with a padding mask `[examples, length]`.
        count: number of fixed lengths: the length of the arrays times 1/count,
            2/count, … 1. Those without an example are left out.

    Raises:
        SettingsError: if the inputs have no padding mask.
    """
    mask = inputs.get(MASK) if isinstance(inputs, dict) else None
    errors.require(
        mask is not None and len(mask.shape) == 2,
        "`length_buckets` is for token ids with an input `padding_mask`: "
        "models of other inputs, such as the characters of a VDCNN, read "
        "padding as text.",
        length_buckets=count,
    )
    whole = mask.shape[1]
    ladder = np.unique(-(-whole * np.arange(1, count + 1) // count))
    bucket = np.searchsorted(ladder, _lengths(mask))
    sizes = np.bincount(bucket, minlength=len(ladder))
    return LengthBuckets(
        members=np.argsort(bucket, kind="stable").astype(np.int32),
        sizes=tuple(int(size) for size in sizes if size),
        lengths=tuple(int(x) for x in ladder[sizes > 0]),
        whole=whole,
    )


def _lengths(mask):
    """Returns the length of each text: the place of its last real position."""
    found = []
    for start in range(0, len(mask), _BLOCK):
        real = np.asarray(mask[start : start + _BLOCK]) != 0
        after = np.argmax(real[:, ::-1], axis=1)
        found.append(np.where(real.any(1), real.shape[1] - after, 1))
    return np.concatenate(found)
