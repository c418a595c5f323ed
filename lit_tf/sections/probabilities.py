"""Finds outputs that are probabilities, by their values on one batch."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf.sections import softmax, structure

_EXAMPLES = 8
_SCALES = (1.0, 255.0, 1e4, -1e4)
# Sizes to try for dimensions that a model leaves open.
_SIZES = (32, 64, 128, 224)
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
    values = _outputs(model)
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


def random_inputs(model: keras.Model, size: int = _SIZES[0]) -> Any:
    """Returns a batch of random inputs, nested as a model takes them.

    Args:
        model: functional or sequential.
        size: the size of dimensions that the model leaves open.
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
        return floating and look_like_probabilities(_outputs(layer)[0])
    return False


def _outputs(model):
    """Returns the outputs on random inputs, flat; None if there are none."""
    if not getattr(model, "inputs", None):
        return None
    for batch in _batches(model):
        # Whatever a user's layer raises, these inputs do not fit it.
        with contextlib.suppress(Exception):
            outputs, _ = model.stateless_call(
                model.trainable_variables,
                model.non_trainable_variables,
                batch,
                training=False,
            )
            flat = keras.tree.flatten(outputs)
            return [keras.ops.convert_to_numpy(values) for values in flat]
    return None


def _batches(model) -> Iterator[Any]:
    is_open = any(None in tensor.shape[1:] for tensor in model.inputs)
    for size in _SIZES if is_open else _SIZES[:1]:
        with contextlib.suppress(Exception):
            yield random_inputs(model, size)
