"""`answers`: what a model computes from a batch that is made for it."""

from typing import Any

import keras
import numpy as np

from lit_tf.sections.functional import require_functional

_SIZE = 2  # Examples in a batch.
_LENGTH = 32  # Of a dimension that the model leaves open.


def sample_inputs(model: keras.Model) -> Any:
    """Makes a batch of inputs, nested as a model takes them.

    Numbers are drawn from a normal distribution, integers are 0 or 1. Each call
    returns the same inputs.

    Args:
        model: functional or sequential.

    Returns:
        NumPy arrays, `[2, ...]`.
    """
    random = np.random.default_rng(0)

    def sample(tensor):
        shape = (_SIZE, *(n or _LENGTH for n in tensor.shape[1:]))
        dtype = keras.backend.standardize_dtype(tensor.dtype)
        if dtype == "string":
            return np.full(shape, "a", object)
        if "float" in dtype:
            return random.normal(size=shape).astype("float32")
        return random.integers(0, 2, shape).astype(dtype)

    inputs = require_functional(model).input
    return keras.tree.map_structure(sample, inputs)


def answers(model: keras.Model) -> list[np.ndarray] | None:
    """Returns a model's outputs for `sample_inputs`, in inference mode.

    Args:
        model: functional or sequential.

    Returns:
        The outputs in order, `[2, ...]` in float64; None if the model cannot
        compute them, for example because it needs larger images.
    """
    try:
        outputs = model(
            keras.tree.map_structure(
                keras.ops.convert_to_tensor, sample_inputs(model)
            ),
            training=False,
        )
        return [
            np.asarray(keras.ops.convert_to_numpy(x), np.float64)
            for x in keras.tree.flatten(outputs)
        ]
    except Exception:  # A user's layer may raise anything.
        return None
