"""`opened`: the functional model in a layer that runs a list of layers.

Such a composite layer, for example the encoder of a vision transformer, hides
its blocks from the graph of a model. Its `call` is run on symbolic tensors to
find them.
"""

import weakref
from typing import Any

import keras
import numpy as np

_EXAMPLES = 2
_SIZE = 8  # Of dimensions that are unknown.
_TOLERANCE, _HALF_TOLERANCE = 1e-5, 3e-2

# Layer → shapes and dtypes of its inputs → the functional model in it.
_known: weakref.WeakKeyDictionary[
    keras.layers.Layer, dict[Any, keras.Model | None]
] = weakref.WeakKeyDictionary()


def opened(node: Any) -> keras.Model | None:
    """Returns the functional model that a composite layer executes.

    Args:
        node: Keras's record of a call of a layer.

    Returns:
        A model that takes the list of the call's tensors and calls the layers
        in the composite layer; None if the layer runs no list of layers, its
        `call` cannot be run on symbolic tensors, or the model has other weights
        or computes something else.
    """
    layer = node.operation
    if not isinstance(layer, keras.layers.Layer) or not _runs_a_list(layer):
        return None
    key = tuple(
        (tuple(t.shape), t.dtype, id(t) == id(node.input_tensors[0]))
        for t in node.input_tensors
    )
    models = _known.setdefault(layer, {})
    if key not in models:
        try:
            models[key] = _open(node)
        except Exception:  # A layer of any kind may raise anything.
            models[key] = None
    return models[key]


def _runs_a_list(layer):
    """Returns whether an attribute lists layers of one class."""
    return any(
        isinstance(value, list | tuple)
        and len(value) > 1
        and all(isinstance(x, keras.layers.Layer) for x in value)
        and len({type(x) for x in value}) < len(value)
        for name, value in vars(layer).items()
        if not name.startswith("_")
    )


def _open(node):
    """Returns the functional model in a layer; None if it is not the same."""
    layer = node.operation
    inputs = [
        keras.Input(batch_shape=t.shape, dtype=t.dtype)
        for t in node.input_tensors
    ]
    tensors = dict(zip(map(id, node.input_tensors), inputs, strict=True))
    args, kwargs = node.arguments.fill_in(tensors)
    model = keras.Model(inputs, layer.call(*args, **kwargs), name=layer.name)
    if {id(v) for v in model.variables} != {id(v) for v in layer.variables}:
        return None
    values = [_random(tensor) for tensor in node.input_tensors]
    tensors = dict(zip(map(id, node.input_tensors), values, strict=True))
    args, kwargs = node.arguments.fill_in(tensors)
    kwargs.pop("training", None)
    expected = layer(*args, **kwargs, training=False)
    return model if _agree(expected, model(values, training=False)) else None


def _random(tensor):
    """Returns a batch of random values for a symbolic tensor."""
    random = np.random.default_rng(0)
    shape = [_EXAMPLES, *(size or _SIZE for size in tensor.shape[1:])]
    if keras.backend.is_float_dtype(tensor.dtype):
        values = random.normal(size=shape)
    else:
        values = random.integers(0, 2, shape)
    return keras.ops.convert_to_tensor(values, tensor.dtype)


def _agree(one, other):
    pairs = zip(keras.tree.flatten(one), keras.tree.flatten(other), strict=True)
    for pair in pairs:
        first, second = (np.asarray(keras.ops.cast(x, "float32")) for x in pair)
        half = any(x.dtype in ("float16", "bfloat16") for x in pair)
        size = max(1.0, np.abs(first).max(initial=0.0))
        if np.abs(first - second).max(initial=0.0) > size * (
            _HALF_TOLERANCE if half else _TOLERANCE
        ):
            return False
    return True
