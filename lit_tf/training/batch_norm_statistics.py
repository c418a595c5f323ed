"""Statistics of BatchNorm, estimated anew on training batches."""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf.training.checkpoint import Position
from lit_tf.training.schedule import Schedule

_BATCHES = 50
_STALE = 0.05


def stale_layers(model: keras.Model, steps: int) -> list[keras.layers.Layer]:
    """Returns the BatchNorm layers whose moving statistics are stale.

    More than 5 % of these are still the values from before training: momentum
    to the power of the number of steps. Layers that are not trained are not
    among them.

    Args:
        model: the model.
        steps: number of training steps that were taken.
    """
    return [
        layer
        for layer in model._flatten_layers(include_self=False)
        if isinstance(layer, keras.layers.BatchNormalization)
        and layer.trainable
        and layer.momentum**steps > _STALE
    ]


def in_training(model: keras.Model) -> Callable[[Any], Any]:
    """Returns a function that calls a model in training mode."""
    return tf.function(
        lambda x: model(x, training=True),
        autograph=False,
        reduce_retracing=True,
    )


def estimate(
    model: keras.Model,
    layers: list[keras.layers.Layer],
    inputs: Iterable[Any],
    forward: Callable[[Any], Any],
) -> None:
    """Sets moving statistics to their means over some batches.

    Each batch is computed in training mode, in which a layer normalizes with
    the batch's own statistics. Other variables do not change.

    Args:
        model: the model.
        layers: BatchNorm layers of the model.
        inputs: batches of inputs, at least one.
        forward: the model `in_training`, first called here.
    """
    variables = [v for x in layers for v in (x.moving_mean, x.moving_variance)]
    ours = {id(v) for v in variables}
    others = [
        (v, v.numpy())
        for v in model.non_trainable_variables
        if id(v) not in ours
    ]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0  # The statistics become those of the batch.
    values = []  # Of each batch.
    try:
        for x in inputs:
            forward(x)
            values.append([v.numpy().astype(np.float64) for v in variables])
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
    for variable, *each in zip(variables, *values, strict=True):
        variable.assign(np.mean(each, axis=0))
    for variable, value in others:
        variable.assign(value)


class Refresh(keras.callbacks.Callback):
    """Estimates stale statistics of the student before each validation.

    With several replicas nothing is estimated.

    Args:
        schedule: the schedule of the phase.
        position: the position of the phase.
    """

    def __init__(self, schedule: Schedule, position: Position):
        super().__init__()
        self._schedule = schedule
        self._position = position
        self._forward = None

    def on_test_begin(self, logs=None):
        self._refresh()

    def on_train_end(self, logs=None):
        if self._schedule.validation_steps is None:
            self._refresh()

    def _refresh(self):
        student = self.model.student
        layers = stale_layers(student, self._position.step)
        if not layers or self._schedule.strategy.num_replicas_in_sync > 1:
            return
        if self._forward is None:
            self._forward = in_training(student)
            print(
                f"batch norm  the statistics of {len(layers)} layers are "
                "estimated on training batches before validation: too few "
                "steps were taken for the moving ones",
                flush=True,
            )
        inputs = self._schedule.training_inputs(_BATCHES)
        estimate(student, layers, inputs, self._forward)
