"""Batches of a split, sought by step.

The order of an epoch is a permutation of (seed, epoch) and a variation is a
function of (seed, epoch, example): neither depends on what was read before. A
run that resumes at step n therefore sees what an undisturbed one sees, and
each of several replicas can make its own piece of a batch.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Protocol

import tensorflow as tf

from lit_tf.data import augment, rows
from lit_tf.data.dataset import Split

_LARGEST = 2**31 - 1
# Independent random numbers that an example may need in an epoch; the last is
# of a step.
_KEYS, _ORDER, _VARIATION, _TARGETS = 8, 0, 1, 7


@dataclasses.dataclass(frozen=True, kw_only=True)
class Share:
    """The replicas that a pipeline feeds, in turn, at every step.

    A batch of n examples is cut into `replicas` consecutive pieces of ⌊n/R⌋ or
    ⌈n/R⌉ examples; where n < R, some have none.

    Args:
        first: the first replica that is fed.
        count: how many are, from there on.
        replicas: R, all that there are, on all machines.
    """

    first: int = 0
    count: int = 1
    replicas: int = 1


_ALL = Share()


class Views(Protocol):
    """Fixed variations of every example, which epochs take by turns.

    Called, it may put something in the place of a batch's inputs that goes with
    them: the teacher's answers (see `cache.Kept`).

    Args:
        seed: of the variations.
        views: how many there are of each example.
    """

    seed: int
    views: int

    def __call__(
        self, inputs: tf.Tensor, view: tf.Tensor, examples: tf.Tensor
    ) -> Any:
        """Returns what is read of a view `inputs` of examples `[batch]`."""


def steps_per_epoch(
    split: Split, batch_size: int, *, whole: bool = False
) -> int:
    """Returns the batches of an epoch, with a last short one unless `whole`."""
    if whole:
        return max(1, len(split) // batch_size)
    return math.ceil(len(split) / batch_size)


def training(
    split: Split,
    *,
    batch_size: int,
    epochs: int,
    seed: int,
    crop: augment.Crop,
    first_step: int = 0,
    last_step: int | None = None,
    whole: bool = False,
    task: str = "classes",
    views: Views | None = None,
    share: Share = _ALL,
) -> tf.data.Dataset:
    """Returns shuffled, varied batches from a step on, to the last epoch's end.

    Args:
        split: what is trained on.
        batch_size: examples a step; an epoch's last batch may be shorter.
        epochs: where the batches end.
        seed: of order and variation, in [0, 2³¹).
        crop: the variation.
        first_step: the step, counted from 0 at epoch 0, of the first batch.
        last_step: where the batches end, if that is before the epoch does.
        whole: whether an epoch leaves out a last batch that would be short.
        task: how examples are presented (`Dataset.task`).
        views: the variations to keep to; None has new ones in every epoch.
        share: whose pieces of each batch.

    Returns:
        (inputs `[batch, ...]`, labels `[batch, ...]`) a step and replica. For
        "images" the inputs are (images in [−1, 1], target attributes), the
        targets being the batch's own labels in another order.
    """
    examples = len(split)
    steps = steps_per_epoch(split, batch_size, whole=whole)
    inputs, labels = _resident(split)
    present = _PRESENTED[task]

    def piece(step, places):
        epoch = tf.cast(step // steps, tf.int32)
        key = [seed, epoch * _KEYS + _ORDER]
        chosen = _random(places, key, examples - 1)
        found, truth = _rows(inputs, chosen), tf.gather(labels, chosen)
        if views is None:
            varied = _varied(found, crop, chosen, seed, epoch)

            def target():
                others = _others(
                    places, step, steps, batch_size, examples, seed
                )
                return tf.gather(labels, _random(others, key, examples - 1))

            return present(varied, target), truth
        view = epoch % views.views
        varied = _varied(found, crop, chosen, views.seed, view)
        return views(varied, view, chosen), truth

    end = steps * epochs
    if last_step is not None:
        end = min(last_step, end)
    return _pieces(
        piece, examples, batch_size, steps, range(first_step, end), share
    )


def view(
    split: Split, *, view: int, batch_size: int, seed: int, crop: augment.Crop
) -> tf.data.Dataset:
    """Returns the inputs of a split in their own order, in one variation.

    Args:
        split: what is seen.
        view: which variation, from 0.
        batch_size: examples a batch; the last may be shorter.
        seed: of the variations.
        crop: what varies.
    """
    inputs, _ = _resident(split)

    def piece(step, places):
        del step
        return _varied(_rows(inputs, places), crop, places, seed, view)

    steps = steps_per_epoch(split, batch_size)
    return _pieces(piece, len(split), batch_size, steps, range(steps), _ALL)


def evaluation(
    split: Split,
    *,
    batch_size: int,
    task: str = "classes",
    views: Views | None = None,
    share: Share = _ALL,
) -> tf.data.Dataset:
    """Returns the batches of a split in its own order, once, unvaried.

    Args:
        split: what is evaluated.
        batch_size: examples a step; the last batch may be shorter.
        task: as for `training`; targets are the same at every evaluation.
        views: what goes with the inputs, which are its only view.
        share: whose pieces of each batch.
    """
    inputs, labels = _resident(split)
    steps = steps_per_epoch(split, batch_size)

    def piece(step, places):
        found, truth = _rows(inputs, places), tf.gather(labels, places)
        if views is not None:
            return views(found, 0, places), truth

        def target():
            others = _others(places, step, steps, batch_size, len(split), 0)
            return tf.gather(labels, others)

        return _PRESENTED[task](found, target), truth

    return _pieces(piece, len(split), batch_size, steps, range(steps), share)


def distribute(
    make: Callable[..., tf.data.Dataset], strategy: tf.distribute.Strategy
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Returns what `fit` reads under a strategy: to each replica its pieces.

    Args:
        make: a function of `share`, such as `training` with all else given.
        strategy: whose replicas are fed.
    """

    def pipeline(context):
        count = context.num_replicas_in_sync // context.num_input_pipelines
        share = Share(
            first=context.input_pipeline_id * count,
            count=count,
            replicas=context.num_replicas_in_sync,
        )
        return make(share=share)

    return strategy.distribute_datasets_from_function(pipeline)


def _pieces(piece, examples, batch_size, each, steps, share):
    """Maps `piece` over the pieces of a share.

    Args:
        piece: a function of a step and of places `[examples]` in its epoch.
        examples: of an epoch.
        batch_size: of a step.
        each: the steps of an epoch.
        steps: the first, and where to end.
        share: whose pieces.
    """

    def at(index):
        step = index // share.count
        replica = share.first + tf.cast(index % share.count, tf.int32)
        start = tf.cast(step % each, tf.int32) * batch_size
        size = tf.minimum(batch_size, examples - start)
        begin, end = (
            start + size * (replica + i) // share.replicas for i in (0, 1)
        )
        return piece(step, tf.range(begin, end))

    first, last = (s * share.count for s in (steps.start, steps.stop))
    return (
        tf.data.Dataset.range(first, last)
        .map(at, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(tf.data.AUTOTUNE)
    )


# A batch's inputs, and what tells their targets → what a model is given.
_PRESENTED = {
    "classes": lambda inputs, target: inputs,
    "images": lambda inputs, target: (augment.unit(inputs), target()),
}


def _others(places, step, each, batch_size, examples, seed):
    """Returns a place in the same batch for each, none of them twice."""
    step = tf.cast(step, tf.int32)
    start = step % each * batch_size
    size = tf.minimum(batch_size, examples - start)
    key = [seed, step * _KEYS + _TARGETS]
    return start + _random(places - start, key, size - 1)


def _resident(split):
    """Returns inputs and labels as tensors, but rows of a file as they are."""
    mapped = isinstance(split.inputs, rows.Rows)
    with tf.device("CPU:0"):
        inputs = split.inputs if mapped else tf.constant(split.inputs)
        return inputs, tf.constant(split.labels)


def _rows(inputs, places):
    if tf.is_tensor(inputs):
        return tf.gather(inputs, places)
    found = tf.numpy_function(
        inputs.__getitem__, [places], inputs.dtype, stateful=False
    )
    return tf.ensure_shape(found, [None, *inputs.shape[1:]])


def _varied(inputs, crop, chosen, seed, moment):
    """Varies examples by (seed, moment, example); the moment is an epoch's."""

    def draw(number):
        if not 0 <= number < _TARGETS - _VARIATION:
            raise ValueError(f"No random number {number} an example.")
        key = [seed, moment * _KEYS + _VARIATION + number]
        return _random(chosen, key, _LARGEST)

    return crop(inputs, draw)


def _random(index, key, largest):
    # A keyed permutation of 0 … largest, evaluated where it is needed: as an
    # order it visits each example once; as a hash it is a stateless random
    # number an example, in one vectorised op, which refuses to be given none.
    return tf.random.experimental.index_shuffle(
        tf.pad(index, [[0, 1]]), seed=tf.stack(key), max_index=largest
    )[:-1]
