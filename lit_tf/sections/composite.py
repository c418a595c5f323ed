"""`opened`: the functional model in a layer that runs a list of layers.

Such a composite layer, for example the encoder of a vision transformer, hides
its blocks from the graph of a model. Its `call` is run on symbolic tensors to
find them.
"""

import collections
import re
import weakref
from typing import Any

import keras
import numpy as np

_EXAMPLES = 2
_SIZE = 8  # Of dimensions that are unknown.
_TOLERANCE, _HALF_TOLERANCE = 1e-5, 3e-2

# Layer → number of Keras's record of a call → the functional model in it, or
# the reason why there is none.
_known: weakref.WeakKeyDictionary[
    keras.layers.Layer, dict[int, keras.Model | str]
] = weakref.WeakKeyDictionary()


class _Closed(Exception):
    """The reason why a layer is not opened."""


def opened(node: Any) -> keras.Model | None:
    """Returns the functional model that a composite layer executes.

    Args:
        node: Keras's record of a call of a layer.

    Returns:
        A model that takes the list of the call's tensors and calls the layers
        in the composite layer; None if the layer runs no list of layers, its
        `call` cannot be run on symbolic tensors or differs in training, the
        model has other weights, or its answers to a random batch differ.
    """
    found = _found(node)
    return None if isinstance(found, str) else found


def why_closed(node: Any) -> str:
    """Returns why a layer that runs a list of layers is not opened.

    Args:
        node: Keras's record of a call of a layer.

    Returns:
        Half a sentence; "" for a layer that is opened, or runs no list.
    """
    found = _found(node)
    return found if isinstance(found, str) else ""


def _found(node):
    layer = node.operation
    if not isinstance(layer, keras.layers.Layer) or not _runs_a_list(layer):
        return None
    models = _known.setdefault(layer, {})
    if id(node) not in models:
        try:
            models[id(node)] = _open(node)
        except _Closed as closed:
            models[id(node)] = str(closed)
        except Exception:  # A layer of any kind may raise anything.
            models[id(node)] = "its `call` cannot be run on symbolic tensors"
    return models[id(node)]


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
    """Returns the functional model in a layer.

    Raises:
        _Closed: if it is not the same.
    """
    layer = node.operation
    model = _traced(node)
    if {id(v) for v in model.variables} != {id(v) for v in layer.variables}:
        raise _Closed("it has weights that the layers in it do not have")
    if layer.activity_regularizer is not None:
        raise _Closed("it has a regularizer of its own")
    if layer._call_has_training_arg:
        modes = [_traced(node, training=mode) for mode in (True, False)]
        if any(_structure(mode) != _structure(model) for mode in modes):
            raise _Closed("it runs other layers in training")
    values = [_random(tensor) for tensor in node.input_tensors]
    args, kwargs = _filled(node, values)
    kwargs.pop("training", None)
    expected = layer(*args, **kwargs, training=False)
    if not _agree(expected, model(values, training=False)):
        raise _Closed("the layers in it answer a random batch differently")
    _rename_operations(model)
    return model


def _traced(node, **mode):
    """Returns a model of what a call computes, by its symbolic tensors."""
    inputs = [
        keras.Input(batch_shape=t.shape, dtype=t.dtype)
        for t in node.input_tensors
    ]
    args, kwargs = _filled(node, inputs)
    layer = node.operation
    outputs = layer.call(*args, **kwargs | mode)
    return keras.Model(inputs, outputs, name=layer.name)


def _filled(node, tensors):
    """Returns the arguments of a call with other tensors."""
    ids = map(id, node.input_tensors)
    return node.arguments.fill_in(dict(zip(ids, tensors, strict=True)))


def _structure(model):
    """Returns the operations of a model; layers are themselves."""
    return [
        operation
        if isinstance(operation, keras.layers.Layer)
        else type(operation).__name__
        for operation in model.operations
        if not isinstance(operation, keras.layers.InputLayer)
    ]


def _rename_operations(model):
    """Numbers the operations anew, which Keras numbers in each process."""
    counts = collections.Counter()
    for operation in model.operations:
        if not isinstance(operation, keras.layers.Layer):
            kind = re.sub(r"(?<!^)(?=[A-Z])", "_", type(operation).__name__)
            kind = kind.lower()
            counts[kind] += 1
            number = counts[kind] - 1
            operation.name = f"{kind}_{number}" if number else kind


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
