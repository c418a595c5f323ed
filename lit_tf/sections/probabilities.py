"""Finds outputs that are probabilities, by their values on one batch."""

import contextlib

import keras
import numpy as np
import tensorflow as tf

from lit_tf.sections import samples, softmax

# Layers whose outputs without an activation are not bounded.
_LINEAR = (
    keras.layers.Dense,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.EinsumDense,
)


def returns_probabilities(model: keras.Model, at: int = 0) -> bool:
    """Returns whether an output of a model is probabilities.

    The model is called in inference mode on random inputs, small and large, and
    none of its variables changes. It is not called if its last layer is linear.

    Args:
        model: any model. Without known inputs, or if it cannot be called on
            random inputs, the result is False.
        at: number of the output; the first by default.
    """
    last = softmax.last(model, at)
    linear = getattr(last, "activation", None) is keras.activations.linear
    if linear and type(last) in _LINEAR:
        return False
    values = samples.answers(model)
    if values is None or not look_like_probabilities(values[at]):
        return False
    values = values[at]
    several = values.ndim > 1 and values.shape[-1] > 1
    if several and np.allclose(values.sum(axis=-1), 1, atol=1e-2):
        return True
    # Logits of ordinary inputs may lie in [0, 1]; those of large ones do not.
    are_large = any(tf.as_dtype(t.dtype).is_floating for t in model.inputs)
    return are_large or _is_bounded(model, at)


def look_like_probabilities(values: np.ndarray) -> bool:
    """Returns whether values are probabilities of classes or of labels.

    Args:
        values: outputs on several inputs, `[batch, ..., classes]`.
    """
    values = np.asarray(values, np.float64)
    # Large inputs may overflow.
    values = values[np.isfinite(values).all(axis=tuple(range(1, values.ndim)))]
    # A model that was not trained yet may return 0 everywhere.
    if not values.size or not values.any():
        return False
    return bool((values >= 0).all() and (values <= 1).all())


def _is_bounded(model, at):
    """Returns whether the last layer returns [0, 1] for large inputs."""
    last = softmax.last(model, at)
    (*_, node) = getattr(last, "_inbound_nodes", ()) or (None,)
    if node is None or len(node.input_tensors) != 1:
        return False
    with contextlib.suppress(Exception):
        inputs = keras.Input(
            batch_shape=node.input_tensors[0].shape,
            dtype=node.input_tensors[0].dtype,
        )
        layer = keras.Model(inputs, last(inputs))
        floating = tf.as_dtype(inputs.dtype).is_floating
        return floating and look_like_probabilities(samples.answers(layer)[0])
    return False
