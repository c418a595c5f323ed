"""The metrics that a user's model was compiled with, on batches of outputs."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf import errors


class CompiledMetrics:
    """The metrics of a model, with a state that others do not share.

    Several can be computed of one model at a time: of its own outputs, and of
    those of its export.

    Args:
        model: the model.
    """

    def __init__(self, model: keras.Model):
        self._model = model
        # Not `compute_metrics`: it also returns the losses, as 0.
        self._metrics = model._compile_metrics if model.compiled else None
        self._state = None

    def update(self, y: Any, outputs: Any, weights: Any = None) -> None:
        """Adds a batch. Metrics that cannot be computed are left out.

        Args:
            y: labels, nested as the model's metrics read them.
            outputs: outputs, nested as the model returns them.
            weights: sample weights, or None.
        """
        if self._metrics is None:
            return
        with self._own_state(), reported(self._model) as computed:
            self._metrics.update_state(y, outputs, weights)
        if not computed:
            self._metrics = None

    def result(self) -> dict[str, float]:
        """Returns the scalar metrics by name; {} if there are none."""
        if self._metrics is None or self._state is None:
            return {}
        with self._own_state():
            found = self._metrics.result()
        return {
            name: float(value)
            for name, value in found.items()
            if not np.ndim(value)
        }

    @contextlib.contextmanager
    def _own_state(self) -> Iterator[None]:
        """Lends the metrics this state, and leaves them reset."""
        self._metrics.reset_state()
        for variable, value in zip(
            self._metrics.variables, self._state or (), strict=False
        ):
            variable.assign(value)
        yield
        self._state = [variable.numpy() for variable in self._metrics.variables]
        self._metrics.reset_state()


@contextlib.contextmanager
def reported(model: keras.Model) -> Iterator[list[bool]]:
    """Prints a line if the metrics of a model cannot read the labels.

    Args:
        model: the model.

    Yields:
        A list that is empty afterwards if they could not.
    """
    computed = [True]
    try:
        yield computed
    except (TypeError, ValueError, tf.errors.OpError) as error:
        computed.clear()
        print(
            f"metrics   those that {model.name} was compiled with cannot be "
            f"computed on the validation data ({errors.line(error)})",
            flush=True,
        )
