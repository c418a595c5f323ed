"""Masks: which positions count, where others are padding or have no label."""

import contextlib
import contextvars
from collections.abc import Iterator, Mapping

import tensorflow as tf

# Under a strategy, the number of this replica's examples without padding.
_examples = contextvars.ContextVar("examples", default=None)


@contextlib.contextmanager
def examples(count: tf.Tensor) -> Iterator[None]:
    """Leaves this replica out of sums over replicas if it has no example.

    Args:
        count: scalar, the number of examples of this replica. With 0, its batch
            is only padding.
    """
    token = _examples.set(count)
    try:
        yield
    finally:
        _examples.reset(token)


def of(*tensors: tf.Tensor) -> tf.Tensor | None:
    """Returns the mask that Keras keeps with the first tensor that has one.

    Args:
        *tensors: `[batch, positions, ...]`.

    Returns:
        `[batch, positions]`, True at real positions; None without a mask.
    """
    masks = (getattr(tensor, "_keras_mask", None) for tensor in tensors)
    return next((mask for mask in masks if mask is not None), None)


def both(one: tf.Tensor | None, other: tf.Tensor | None) -> tf.Tensor | None:
    """Returns what counts in both of two masks; their product for weights.

    Args:
        one: `[batch, ...]`, a mask or weights; None if all counts.
        other: likewise, of the same shape but for missing last axes.
    """
    if one is None or other is None:
        return other if one is None else one
    rank = max(one.shape.rank, other.shape.rank)
    one, other = (with_rank(mask, rank) for mask in (one, other))
    if one.dtype == other.dtype == tf.bool:
        return one & other
    return tf.cast(one, tf.float32) * tf.cast(other, tf.float32)


def with_rank(mask: tf.Tensor, rank: int) -> tf.Tensor:
    """Returns a mask with as many axes, the last ones of size 1.

    Args:
        mask: `[batch, ...]`.
        rank: the number of axes, at least that of the mask.
    """
    missing = [1] * (rank - mask.shape.rank)
    return tf.reshape(mask, tf.concat([tf.shape(mask), missing], 0))


def keep(tensor: tf.Tensor, source: tf.Tensor) -> tf.Tensor:
    """Returns a tensor with the mask of the one that it was computed from.

    Args:
        tensor: `[batch, positions, ...]`, computed by an operation of
            TensorFlow, which drops the mask.
        source: `[batch, positions, ...]`.
    """
    return attach(tensor, of(source))


def attach(tensor: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """Returns a tensor that carries a mask, as Keras passes it to a layer.

    Args:
        tensor: `[batch, positions, ...]`.
        mask: `[batch, positions]`; None to leave the tensor as it is.
    """
    if mask is not None:
        tensor._keras_mask = mask
    return tensor


def of_each(
    tensors: Mapping[int, tf.Tensor], known: tf.Tensor | None = None
) -> dict[int, tf.Tensor | None]:
    """Returns the mask of each representation of a model, in order.

    A representation without a mask has that of the one before, if it has the
    same positions: a residual connection around an attention drops the mask.

    Args:
        tensors: representations `[batch, positions, ...]`, by number.
        known: `[batch, positions]`, the padding mask of the model's context;
            None to use only the masks that Keras keeps with the tensors.
    """
    masks, last = {}, None
    for k, tensor in sorted(tensors.items()):
        own = of(tensor)
        if own is None and known is not None:
            positions = tensor.shape[1:2]
            own = (
                known if known.shape[1:].is_compatible_with(positions) else None
            )
        if own is not None or not _fits(last, tensor):
            last = own
        masks[k] = last
    return masks


def _fits(mask, tensor):
    """Returns whether a mask is certainly one of a tensor's positions."""
    if mask is None or mask.shape.rank >= tensor.shape.rank:
        return False
    positions = tensor.shape[1 : mask.shape.rank]
    return positions.is_fully_defined() and mask.shape[1:] == positions


def weights(mask: tf.Tensor) -> tf.Tensor:
    """Computes weights whose mean over all positions is 1, and 0 at masked.

    Weights in place of a mask are divided by their mean.

    A mean of weighted values is then the mean over the real positions of the
    batch, on all replicas, as in Keras.

    Args:
        mask: `[batch, ...]`, True at real positions; or their weights.

    Returns:
        The same shape, float32; 0 everywhere if no position is real.
    """
    mask = tf.cast(mask, tf.float32)
    size = tf.cast(tf.size(mask), tf.float32)
    counts = over_replicas(tf.stack([size, tf.reduce_sum(mask)]))
    total, real = tf.unstack(counts)
    return mask * tf.math.divide_no_nan(total, real)


def over_replicas(values: tf.Tensor) -> tf.Tensor:
    """Returns the sum of a tensor over all replicas.

    A replica without examples adds nothing (see `examples`).

    Args:
        values: a tensor of equal shape on each replica.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    count = _examples.get()
    if count is not None:
        values *= tf.cast(count > 0, values.dtype)
    return context.all_reduce(tf.distribute.ReduceOp.SUM, values)


def mean(values: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """Computes the mean of each example's values at its real positions.

    Args:
        values: `[batch, positions, ...]`.
        mask: `[batch, positions]`; None if all positions are real.

    Returns:
        `[batch]`; 0 for an example without a real position.
    """
    if mask is None or mask.shape.rank > values.shape.rank:
        return tf.reduce_mean(values, axis=tf.range(1, tf.rank(values)))
    inner = list(range(mask.shape.rank, values.shape.rank))
    if inner:
        values = tf.reduce_mean(values, axis=inner)
    mask = tf.cast(mask, values.dtype)
    positions = list(range(1, mask.shape.rank))
    return tf.math.divide_no_nan(
        tf.reduce_sum(values * mask, axis=positions),
        tf.reduce_sum(mask, axis=positions),
    )
