"""Pipelines of batches that can start at any step.

An epoch's order is a permutation keyed by (seed, epoch), and an augmentation is
a function of (seed, epoch, example): neither depends on earlier reads. A run
that resumes at step n therefore reads what an uninterrupted run reads, and each
replica can compute its own part of a batch.
"""

import math
from typing import Any, Protocol

import tensorflow as tf

from lit_tf.data import (
    crops,
    image_tensors,
    keyed_random,
    length_buckets,
    rows,
    shares,
)
from lit_tf.data.dataset import Split
from lit_tf.data.length_buckets import LengthBuckets
from lit_tf.data.mixing import Mixing
from lit_tf.data.streams import Stream


class Views(Protocol):
    """Fixed augmentations of every example, used by the epochs in turn.

    A call may replace a batch's inputs by the inputs together with data that
    belong to them, such as cached teacher outputs.

    Args:
        seed: the seed of the augmentations.
        views: number of augmentations of each example.
    """

    seed: int
    views: int

    def __call__(
        self, inputs: Any, view: tf.Tensor, examples: tf.Tensor
    ) -> Any:
        """Returns what the pipeline yields in place of the inputs.

        Args:
            inputs: augmented inputs, `[batch, ...]`, nested as in the split.
            view: number of the augmentation, from 0.
            examples: example numbers, `[batch]`.
        """


def steps_per_epoch(
    split: Split | Stream, batch_size: int, *, whole: bool = False
) -> int:
    """Returns the number of batches of an epoch.

    Args:
        split: the examples; or a stream, which has batches of its own.
        batch_size: number of examples of a batch.
        whole: whether to drop an incomplete last batch.
    """
    if isinstance(split, Stream):
        return split.steps
    if whole:
        return max(1, len(split) // batch_size)
    return math.ceil(len(split) / batch_size)


def training(
    split: Split,
    *,
    batch_size: int,
    epochs: int,
    seed: int,
    crop: crops.Crop,
    first_step: int = 0,
    last_step: int | None = None,
    whole: bool = False,
    task: str = "classes",
    views: Views | None = None,
    mixing: Mixing | None = None,
    buckets: LengthBuckets | None = None,
    share: shares.Share = shares.ALL,
) -> tf.data.Dataset:
    """Returns shuffled, augmented batches from one step to another.

    Args:
        split: the training examples.
        batch_size: number of examples of a step. The last batch of an epoch may
            be smaller.
        epochs: number of epochs, counted from step 0.
        seed: the seed of order and augmentation, in [0, 2³¹).
        crop: the augmentation.
        first_step: number of the first step, counted from 0 at epoch 0.
        last_step: number of the step before which to end; None for the end of
            the last epoch.
        whole: whether to drop an incomplete last batch of an epoch.
        task: the task of the dataset (`Dataset.task`).
        views: a fixed set of augmentations; None for new ones in every epoch.
        mixing: what mixes augmented examples of a batch; None for nothing. Only
            for task "classes", without `views`.
        buckets: the buckets of the examples, for batches of like length;
            None for a random order of all. Only without `mixing` and `whole`,
            and not for task "images".
        share: the replicas to feed.

    Returns:
        Pairs (inputs `[batch, ...]`, nested as in the split; labels
        `[batch, ...]`), one for each step and replica. For task "images" the
        inputs are (images in [−1, 1], target attributes). The targets are the
        batch's labels in another order.
    """
    examples = len(split)
    steps = steps_per_epoch(split, batch_size, whole=whole)
    inputs, labels = _tensors(split)
    present = _PRESENTATIONS[task]
    order = _Shuffled(examples, batch_size, steps, seed)
    if buckets is not None:
        order = length_buckets.Order(buckets, batch_size=batch_size, seed=seed)

    def read(chosen, key, epoch):
        batch = keyed_random.augmented(
            _gather(inputs, chosen), crop, chosen, key, epoch
        )
        return batch, tf.gather(labels, chosen)

    def part(step, places):
        epoch = tf.cast(step // steps, tf.int32)
        chosen = order.examples(places, epoch)
        if views is not None:
            view = epoch % views.views
            batch, truth = read(chosen, views.seed, view)
            return views(order.cut(batch, step), view, chosen), truth

        def others():
            there = _target_places(places, step, order.span(step), seed)
            return order.examples(there, epoch)

        batch, truth = read(chosen, seed, epoch)
        if mixing is not None:
            second = read(others(), seed, epoch)
            draw = keyed_random.draws(chosen, seed, epoch)
            batch, truth = mixing((batch, truth), second, draw)
        batch = order.cut(batch, step)
        return present(batch, lambda: tf.gather(labels, others())), truth

    end = steps * epochs
    if last_step is not None:
        end = min(last_step, end)
    return shares.parts(part, order.span, range(first_step, end), share)


def view(
    split: Split, *, view: int, batch_size: int, seed: int, crop: crops.Crop
) -> tf.data.Dataset:
    """Returns the inputs of a split in their own order, in one augmentation.

    Args:
        split: the examples.
        view: number of the augmentation, from 0.
        batch_size: number of examples of a batch; the last may be smaller.
        seed: the seed of the augmentations.
        crop: the augmentation.
    """
    inputs, _ = _tensors(split)

    def part(step, places):
        del step
        batch = _gather(inputs, places)
        return keyed_random.augmented(batch, crop, places, seed, view)

    steps = steps_per_epoch(split, batch_size)
    spans = shares.consecutive(len(split), batch_size, steps)
    return shares.parts(part, spans, range(steps), shares.ALL)


def evaluation(
    split: Split,
    *,
    batch_size: int,
    task: str = "classes",
    views: Views | None = None,
    share: shares.Share = shares.ALL,
) -> tf.data.Dataset:
    """Returns the batches of a split once, in its own order, not augmented.

    Args:
        split: the examples.
        batch_size: number of examples of a step; the last batch may be smaller.
        task: as in `training`. Targets are the same at every evaluation.
        views: data that belong to the inputs; the inputs are their only view.
        share: the replicas to feed.
    """
    inputs, labels = _tensors(split)
    steps = steps_per_epoch(split, batch_size)
    spans = shares.consecutive(len(split), batch_size, steps)

    def part(step, places):
        batch, truth = _gather(inputs, places), tf.gather(labels, places)
        if views is not None:
            return views(batch, 0, places), truth

        def target():
            others = _target_places(places, step, spans(step), 0)
            return tf.gather(labels, others)

        return _PRESENTATIONS[task](batch, target), truth

    return shares.parts(part, spans, range(steps), share)


class _Shuffled:
    """The order of an epoch: all examples at random (see `Order`)."""

    def __init__(self, examples, batch_size, steps, seed):
        self.span = shares.consecutive(examples, batch_size, steps)
        self._seed = seed
        self._examples = examples

    def examples(self, places, epoch):
        return keyed_random.order(places, self._seed, epoch, self._examples)

    def cut(self, inputs, step):
        del step
        return inputs


def _target_places(places, step, span, seed):
    start, size = span
    return keyed_random.target_places(places, seed, step, start, size)


# Functions of a batch's inputs and of a function that returns its targets; they
# return the inputs of a model.
_PRESENTATIONS = {
    "classes": lambda inputs, target: inputs,
    "embeddings": lambda inputs, target: inputs,
    "images": lambda inputs, target: (image_tensors.unit(inputs), target()),
}


def _tensors(split):
    """Returns inputs and labels as tensors; rows of a file are unchanged."""

    def tensor(array):
        return array if isinstance(array, rows.Rows) else tf.constant(array)

    with tf.device("CPU:0"):
        inputs = tf.nest.map_structure(tensor, split.inputs)
        return inputs, tf.constant(split.labels)


def _gather(inputs, places):
    """Returns a batch of examples of the inputs that `_tensors` returned."""

    def gather(array):
        if tf.is_tensor(array):
            return tf.gather(array, places)
        batch = tf.numpy_function(
            array.__getitem__, [places], array.dtype, stateful=False
        )
        return tf.ensure_shape(batch, [None, *array.shape[1:]])

    return tf.nest.map_structure(gather, inputs)
