"""The parts of every batch that each replica reads: `Share`, `distribute`."""

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf


@dataclasses.dataclass(frozen=True, kw_only=True)
class Share:
    """The replicas that one pipeline feeds, in turn, at every step.

    A batch of n examples is cut into R = `replicas` consecutive parts of ⌊n/R⌋
    or ⌈n/R⌉ examples. If n < R, some parts are empty.

    Args:
        first: number of the first replica that the pipeline feeds.
        count: number of replicas that the pipeline feeds.
        replicas: number of all replicas, on all machines.
    """

    first: int = 0
    count: int = 1
    replicas: int = 1


ALL = Share()


def distribute(
    make: Callable[..., tf.data.Dataset], strategy: tf.distribute.Strategy
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Returns a pipeline that feeds each replica its part of every batch.

    Args:
        make: function of `share` that returns a pipeline, such as
            `batches.training` with all other arguments bound.
        strategy: the strategy whose replicas are fed.
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


# A function of a step that returns a batch's first place in its epoch, and its
# size.
Spans = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def parts(
    part: Callable[[tf.Tensor, tf.Tensor], Any],
    spans: Spans,
    steps: range,
    share: Share,
) -> tf.data.Dataset:
    """Returns a function's results for the parts of batches of a share.

    Args:
        part: function of a step and of places `[examples]` in its epoch,
            without Python `if` or `for` over tensors.
        spans: the places of the batch of each step.
        steps: the steps.
        share: the replicas to feed.
    """

    # AutoGraph takes longer than the tracing, and has nothing to convert.
    @tf.autograph.experimental.do_not_convert
    def at(index):
        step = index // share.count
        replica = share.first + tf.cast(index % share.count, tf.int32)
        start, size = spans(step)
        begin, end = (
            start + size * (replica + i) // share.replicas for i in (0, 1)
        )
        return part(step, tf.range(begin, end))

    first, last = (s * share.count for s in (steps.start, steps.stop))
    return (
        tf.data.Dataset.range(first, last)
        .map(at, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def consecutive(examples: int, batch_size: int, epoch_steps: int) -> Spans:
    """Returns the spans of batches one after the other.

    Args:
        examples: number of examples of an epoch.
        batch_size: number of examples of a step; the last may be smaller.
        epoch_steps: number of steps of an epoch.
    """

    def span(step):
        start = tf.cast(step % epoch_steps, tf.int32) * batch_size
        return start, tf.minimum(batch_size, examples - start)

    return span
