"""Microbatches: parts of a batch, whose gradients are added for one step."""

import contextvars
import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

# The number of the microbatch that is traced, from 0.
_number = contextvars.ContextVar("number", default=0)

Gradients = Sequence[tf.Tensor | tf.IndexedSlices | None]


def number() -> int | tf.Tensor:
    """Returns the number of the microbatch, from 0; 0 outside of one."""
    return _number.get()


def summed(
    differentiate: Callable[..., Gradients],
    batch: tuple[Any, ...],
    count: int,
    *,
    shared: bool,
) -> list[tf.Tensor | None]:
    """Returns the sum of the gradients of the microbatches of a batch.

    A microbatch begins when the gradients of the one before are known, so that
    the activations of a single one are in memory. (XLA decides about the order
    by itself.) Sizes differ by at most one example. If there are fewer
    examples than microbatches, some are empty.

    Args:
        differentiate: a function of the elements of `batch` that returns the
            gradients, one for each variable; None where there is none. It is
            called for each microbatch.
        batch: tensors `[batch, ...]` or None, nested.
        count: the number of microbatches.
        shared: whether the microbatches share one traced function, so that
            `differentiate` is traced once. A function within a function cannot
            sum over replicas.
    """

    def numbered(number, part):
        token = _number.set(number)
        try:
            return list(differentiate(*part))
        finally:
            _number.reset(token)

    if shared:
        numbered = tf.function(numbered, autograph=False)
    sums: list[tf.Tensor | None] = []
    for i in range(count):
        with tf.control_dependencies([x for x in sums if x is not None]):
            part = tf.nest.map_structure(
                functools.partial(_part, i=i, count=count), batch
            )
            found = numbered(tf.constant(i), part)
            sums = list(map(_add, sums or [None] * len(found), found))
    return sums


def _part(tensor, i, count):
    """Returns examples i·n/count … (i + 1)·n/count of n."""
    if tensor is None:
        return None
    tensor = tf.convert_to_tensor(tensor)
    size = tf.shape(tensor)[0]
    return tensor[i * size // count : (i + 1) * size // count]


def _add(total, gradient):
    if gradient is None:
        return total
    # Of an embedding, a dense one: rows of several microbatches overlap.
    gradient = tf.convert_to_tensor(gradient)
    return gradient if total is None else total + gradient
