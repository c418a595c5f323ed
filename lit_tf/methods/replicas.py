"""Helpers for a training step under a `tf.distribute` strategy."""

from typing import Any

import keras
import tensorflow as tf

from lit_tf.losses import masks


def count(batch: Any) -> tf.Tensor:
    """Returns the number of examples in a batch, an int32 scalar.

    Args:
        batch: a tensor `[batch, ...]`, or several of them, nested.
    """
    return tf.shape(keras.tree.flatten(batch)[0])[0]


def at_least_one(batch: Any) -> Any:
    """Returns the batch, with one example of zeros added if it is empty.

    Args:
        batch: a tensor `[batch, ...]`, or several of them, nested.
    """

    def padded(tensor):
        # Not by `tf.pad`, which oneDNN would fuse with a convolution.
        shape = tf.shape(tensor)
        missing = tf.maximum(1 - shape[:1], 0)
        zeros = tf.zeros(tf.concat([missing, shape[1:]], 0), tensor.dtype)
        return tf.concat([tensor, zeros], 0)

    return tf.nest.map_structure(padded, batch)


def first(tensor: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns the first examples of a batch, with their mask.

    Args:
        tensor: `[batch, ...]`.
        size: the number of examples.
    """
    mask = masks.of(tensor)
    return masks.attach(tensor[:size], None if mask is None else mask[:size])


def replica_id() -> int | tf.Tensor:
    """Returns the number of the current replica, from 0; 0 outside of one."""
    context = tf.distribute.get_replica_context()
    return context.replica_id_in_sync_group if context else 0


def on_several_machines(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether the strategy trains on more than one machine."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return False
    # TF_CONFIG may also name a single machine.
    jobs = strategy.cluster_resolver.cluster_spec().as_dict()
    return sum(map(len, jobs.values())) > 1
