"""`answers`: what a model returns for random inputs, if it can be called."""

import contextlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf.sections import structure
from lit_tf.sections.functional import as_functional

_EXAMPLES = 8
# Of the numbers of an example.
_SCALES = (1.0, 255.0, 1e4, -1e4)
# Sizes to try for dimensions that a model leaves open.
_SIZES = (32, 64, 128, 224)


def sample_inputs(model: keras.Model, size: int = _SIZES[0]) -> Any:
    """Returns a batch of random inputs, the same in every call.

    Args:
        model: functional or sequential.
        size: the size of dimensions that the model leaves open.

    Returns:
        Tensors `[8, ...]`, nested as the model takes them: numbers of the size
        of normalized inputs, of pixels, and large ones; integers are 0 or 1.
    """
    random = np.random.default_rng(0)

    def make(tensor):
        shape = (_EXAMPLES, *(n or size for n in tensor.shape[1:]))
        dtype = tf.as_dtype(tensor.dtype)
        if dtype is tf.string:
            return tf.constant(random.choice(["a", "b c", "d"], shape))
        if dtype.is_integer or dtype.is_bool:
            return tf.constant(random.integers(0, 2, shape), dtype)
        # Numbers of the size of normalized inputs, of pixels, and large ones.
        scales = np.resize(_SCALES, (_EXAMPLES, *[1] * (len(shape) - 1)))
        return tf.constant(random.uniform(0, 1, shape) * scales, dtype)

    return keras.tree.map_structure(make, structure.inputs_of(model))


def period(model: keras.Model) -> int:
    """Returns after how many examples the scale of random inputs repeats.

    Args:
        model: functional or sequential.
    """
    inputs = keras.tree.flatten(structure.inputs_of(model))
    floating = any(tf.as_dtype(x.dtype).is_floating for x in inputs)
    return len(_SCALES) if floating else 1


def answers(model: keras.Model) -> list[np.ndarray] | None:
    """Returns a model's outputs for random inputs, in inference mode.

    No variable of the model changes.

    Args:
        model: any model.

    Returns:
        The outputs in order, `[8, ...]`; None if the model's inputs are unknown
        or it cannot be called on random ones.
    """
    if as_functional(model) is None:
        return None
    is_open = any(None in tensor.shape[1:] for tensor in model.inputs)
    for size in _SIZES if is_open else _SIZES[:1]:
        # If a user's layer raises any error, these inputs do not fit it.
        with contextlib.suppress(Exception):
            outputs, _ = model.stateless_call(
                model.trainable_variables,
                model.non_trainable_variables,
                sample_inputs(model, size),
                training=False,
            )
            flat = keras.tree.flatten(outputs)
            return [keras.ops.convert_to_numpy(values) for values in flat]
    return None
