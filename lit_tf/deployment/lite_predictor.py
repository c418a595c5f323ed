"""A LiteRT file, called like the model that it was exported from."""

import os
import pathlib
from typing import Any

import tensorflow as tf

from lit_tf.deployment import lite_model, signature_values


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
            named = signature_values.named_inputs(self._signature, examples)
            return self.lite(named)[self._output]

        flat = tf.nest.flatten(inputs)
        outputs = tf.numpy_function(run, flat, tf.float32)
        outputs.set_shape([None, self._size])
        return outputs
