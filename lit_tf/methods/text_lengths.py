"""Training on batches that differ in length: a traced step for each length.

Models of a fixed length read shorter batches: their layers do, where they mask
padding. Each length has a graph of its own, in which shapes are known, as the
recognition of masks requires.
"""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf


def accept(*models: keras.Model) -> None:
    """Lets models be called on inputs that are shorter than theirs.

    Args:
        *models: models with or without sections.
    """
    for model in models:
        for layer in (model, *model._flatten_layers(include_self=False)):
            if isinstance(layer, keras.Model):
                layer.input_spec = None


def by_length(
    make: Callable[[], Callable[[Any], Any]], steps: int
) -> Callable[[Iterator[Any]], Any]:
    """Returns a training function that traces a step for each length.

    Args:
        make: creates a training function of Keras, which has no traces yet.
        steps: number of steps of a call.

    Returns:
        A function: iterator over batches → logs of the last step.
    """
    traced = {}

    def step(data):
        # The tensors of all replicas, as arguments whose batch may have any
        # size: the last batch of an epoch has the same graph.
        tensors = _tensors(data)
        form = tuple(_form(tensor) for tensor in tensors)
        if form not in traced:
            traced[form] = _traced(make(), data, form)
        return traced[form](*tensors)

    def function(iterator):
        logs = step(next(iterator))
        for _ in range(steps - 1):
            # An epoch may end within a call.
            data = next(iterator, None)
            if data is None:
                break
            logs = step(data)
        return logs

    return function


def _tensors(data):
    flat = tf.nest.flatten(data, expand_composites=True)
    return [one for one in flat if one is not None]  # Weights may be None.


def _form(tensor):
    return tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype)


def _traced(of_keras, data, form):
    """Returns a function of a batch's tensors that takes a step."""
    flat = tf.nest.flatten(data, expand_composites=True)
    present = [one is not None for one in flat]

    def step(*tensors):
        given = iter(tensors)
        filled = [next(given) if here else None for here in present]
        batch = tf.nest.pack_sequence_as(data, filled, expand_composites=True)
        return of_keras([batch])

    # A concrete function, because TensorFlow warns of functions made in a loop.
    return tf.function(step, autograph=False).get_concrete_function(*form)
