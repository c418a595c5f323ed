"""Helpers for a training step under a `tf.distribute` strategy."""

from collections.abc import Callable, Sequence
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
    """Returns the batch, with one example added if it is empty.

    It is of zeros, or of ones where the batch has whole numbers: no text is
    padding alone, whose mean over its positions would not be finite. A string
    is a word for the same reason.

    Args:
        batch: a tensor `[batch, ...]`, or several of them, nested.
    """

    def padded(tensor):
        # Not by `tf.pad`, which oneDNN would fuse with a convolution.
        shape = tf.shape(tensor)
        missing = tf.maximum(1 - shape[:1], 0)
        if tensor.dtype is tf.string:
            value = tf.constant("a")
        else:
            value = tf.cast(not tensor.dtype.is_floating, tensor.dtype)
        added = tf.fill(tf.concat([missing, shape[1:]], 0), value)
        mask = masks.of(tensor)
        return masks.attach(
            tf.concat([tensor, added], 0),
            None if mask is None else padded(mask),
        )

    return tf.nest.map_structure(padded, batch)


def first(tensor: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns the first examples of a batch, with their mask.

    Args:
        tensor: `[batch, ...]`.
        size: the number of examples.
    """
    mask = masks.of(tensor)
    return masks.attach(tensor[:size], None if mask is None else mask[:size])


def count_examples(labels: Any, replicas: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the examples on this replica and on all, float32 scalars.

    Args:
        labels: this replica's labels, `[batch, ...]`.
        replicas: number of replicas.
    """
    local = tf.cast(count(labels), tf.float32)
    if replicas == 1:
        return local, local
    context = tf.distribute.get_replica_context()
    return local, context.all_reduce(tf.distribute.ReduceOp.SUM, local)


def computed(
    terms: Callable[..., tuple[dict[str, tf.Tensor], Any]],
    x: Any,
    y: Any,
    *,
    training: bool,
) -> tuple[dict[str, tf.Tensor], Any]:
    """Computes terms and outputs of a part that may have no example.

    A batch with fewer examples than there are replicas, or microbatches, leaves
    some of them empty, and TensorFlow's fused convolutions fail on an empty
    batch. An empty part computes one example (see `at_least_one`), which is
    then dropped: it counts in no term, no gradient, no mean over all replicas
    and no statistics of a fused BatchNorm. A layer that Keras computes records
    it.

    Args:
        terms: `Trainer.terms`.
        x: inputs `[batch, ...]`, nested.
        y: labels `[batch, ...]`, nested.
        training: whether layers run in training mode.
    """
    size = count(y)
    with masks.examples(size):
        results, outputs = terms(
            at_least_one(x), at_least_one(y), training=training
        )
    results = {name: values[:size] for name, values in results.items()}
    return results, keras.tree.map_structure(lambda z: first(z, size), outputs)


def of_examples(
    gradients: Sequence[tf.Tensor | tf.IndexedSlices | None],
    local: tf.Tensor,
    parts: int,
) -> list[tf.Tensor | tf.IndexedSlices | None]:
    """Returns gradients, of zeros on a replica without examples.

    The example that such a replica, or a microbatch, computes may have outputs
    that are not finite.

    Args:
        gradients: one for each variable; None where there is none.
        local: the number of examples on this replica, a float32 scalar.
        parts: number of parts of a batch, over all replicas; of a single one
            the gradients stay.
    """
    if parts == 1:
        return list(gradients)

    def kept(gradient):
        if gradient is None:
            return None
        if isinstance(gradient, tf.IndexedSlices):
            return tf.IndexedSlices(
                kept(gradient.values), gradient.indices, gradient.dense_shape
            )
        present = tf.cast(local > 0, gradient.dtype)
        return tf.math.multiply_no_nan(gradient, present)

    return list(map(kept, gradients))


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
