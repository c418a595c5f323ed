"""Serving signature of a user's model: what it takes and returns itself."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf.interop.signatures import VectorSignature
from lit_tf.sections import structure


class OwnSignature(VectorSignature):
    """Signature of a model with its own outputs.

    They have the names of a dictionary of outputs, or else `output_0`,
    `output_1`, …, as in the SavedModel that `keras.Model.export` writes.

    Args:
        model: functional or sequential, float32.
    """

    def __init__(self, model: keras.Model):
        super().__init__(model, output="")

    def difference(self, serve: Callable[..., Any], examples: Any) -> float:
        inputs = self.number_inputs(tf.nest.map_structure(np.asarray, examples))
        expected, actual = self._predict(*inputs), serve(*inputs)
        largest = max(np.abs(x).max() for x in expected.values())
        self.tolerance = type(self).tolerance * max(1.0, largest)
        return max(
            float(np.max(np.abs(x - actual[name])))
            for name, x in expected.items()
        )

    def _predict(self, inputs):
        flat = structure.flat_inputs(self.model, inputs)
        inputs = structure.pack_inputs(self.model, flat)
        outputs = self.model(inputs, training=False)
        if isinstance(outputs, Mapping):
            return dict(outputs)
        return {
            f"output_{place}": one
            for place, one in enumerate(keras.tree.flatten(outputs))
        }
