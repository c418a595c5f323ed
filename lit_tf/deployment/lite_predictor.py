"""A LiteRT file, called like the model that it was exported from."""

import os
import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from lit_tf.deployment import lite_model
from lit_tf.interop import signatures


def named_inputs(signature: Any, examples: Any) -> dict[str, np.ndarray]:
    """Returns examples as the inputs of a LiteRT file, by name.

    Args:
        signature: the signature of the model (see `signatures.signature_of`).
        examples: `[batch, ...]`, nested as in the dataset.
    """
    _, _, specs = signatures.of_numbers(signature)
    values = list(signature.number_inputs(examples))
    return {
        spec.name: np.asarray(value)
        for spec, value in zip(
            tf.nest.flatten(specs), tf.nest.flatten(values), strict=True
        )
    }


def outputs_of(signature: Any, examples: Any) -> dict[str, np.ndarray]:
    """Returns the numbers that a model returns, by the names in its signature.

    Args:
        signature: the signature of the model.
        examples: `[batch, ...]`, nested as in the dataset.
    """
    _, function, _ = signatures.of_numbers(signature)
    outputs = function(*signature.number_inputs(examples))
    if not isinstance(outputs, dict):
        outputs = {"output_0": outputs}
    return {name: np.asarray(value) for name, value in outputs.items()}


class LitePredictor:
    """A LiteRT file as a function of examples of a dataset, in a graph too.

    Args:
        path: the file.
        signature: the signature of the model that the file is of.
        output: the name of the output to return.
        size: the size of its last axis.
        threads: number of threads of an operation.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        signature: Any,
        *,
        output: str,
        size: int,
        threads: int = 1,
    ):
        self.name = pathlib.Path(path).name
        self.lite = lite_model.LiteModel(path, threads=threads)
        self._signature = signature
        self._output = output
        self._size = size

    def __call__(self, inputs: Any, training: bool = False) -> tf.Tensor:
        del training  # A LiteRT file runs in inference mode alone.

        def run(*flat):
            examples = tf.nest.pack_sequence_as(inputs, flat)
            named = named_inputs(self._signature, examples)
            return self.lite(named)[self._output]

        flat = tf.nest.flatten(inputs)
        outputs = tf.numpy_function(run, flat, tf.float32)
        outputs.set_shape([None, self._size])
        return outputs
