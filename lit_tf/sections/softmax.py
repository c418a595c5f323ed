"""`logits`: finds and removes the final softmax or sigmoid of a model."""

from typing import Any

import keras
import tensorflow as tf

from lit_tf.sections import (
    copying,
    layer_config,
    sectioned_model,
    structure,
)
from lit_tf.sections.functional import as_functional, is_known
from lit_tf.sections.sectioned_model import SectionedModel

# Functions that return probabilities, besides those of these names.
_FUNCTIONS = {
    keras.activations.softmax: "softmax",
    keras.ops.softmax: "softmax",
    tf.nn.softmax: "softmax",
    keras.activations.sigmoid: "sigmoid",
    keras.ops.sigmoid: "sigmoid",
    tf.sigmoid: "sigmoid",
}
# Layers and operations that leave the values as they are, in inference.
_UNCHANGED = (
    keras.layers.Identity,
    keras.layers.Reshape,
    keras.layers.Flatten,
    keras.layers.Permute,
    keras.layers.Dropout,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.SpatialDropout3D,
    keras.layers.GaussianNoise,
    keras.layers.GaussianDropout,
    keras.layers.ActivityRegularization,
)
_UNCHANGED_OPERATIONS = (
    "Cast",
    "Copy",
    "ExpandDims",
    "Float32",
    "Ravel",
    "Reshape",
    "Squeeze",
    "StopGradient",
    "Transpose",
)


def last(model: keras.Model, at: int = 0) -> keras.Operation:
    """Returns the operation that computes the values of an output.

    Operations that only change its shape or dtype are passed over, and nested
    models are opened.

    Args:
        model: functional or sequential; for another model it is the result.
        at: number of the output; the first by default.
    """
    if as_functional(model) is None:
        return model
    tensor, outer = model.outputs[at], []
    while True:
        operation, index, at = tensor._keras_history
        node = operation._inbound_nodes[index]
        if as_functional(operation) is not None:
            outer.append(node)
            tensor = operation.outputs[at]
        elif node.is_input and outer:
            call = outer.pop()
            places = [id(one) for one in call.operation.inputs]
            tensor = call.input_tensors[places.index(id(tensor))]
        elif _leaves_values(operation) and not node.is_input:
            tensor = node.input_tensors[0]
        else:
            return operation


def activation(model: keras.Model, at: int = 0) -> str:
    """Returns "softmax" or "sigmoid" if an output comes from one, else "".

    Args:
        model: functional or sequential.
        at: number of the output; the first by default.
    """
    return _activation(last(model, at))


def ends(model: keras.Model) -> bool:
    """Returns whether the first output of a model comes from a softmax.

    Args:
        model: functional or sequential.
    """
    return activation(model) == "softmax"


def logits(model: keras.Model) -> keras.Model:
    """Removes the final softmax or sigmoid of each output of a model.

    The KD loss needs the logits of teacher and student. The order of the
    classes does not change. Layers are shared with the model, except a last
    layer with a softmax or sigmoid activation, which is copied.

    Example:
    ```python
    import keras

    import lit_tf

    model = keras.applications.MobileNetV2(weights=None, classes=10)
    teacher = lit_tf.logits(model)
    ```

    Args:
        model: functional or sequential. A softmax within a layer of a user's
            own class, or within the recurrence of an LSTM, is not found.

    Returns:
        A model that returns logits; `model` itself if no output comes from a
        softmax or sigmoid.
    """
    count = len(getattr(model, "outputs", None) or ())
    if not any(activation(model, at) for at in range(count)):
        return model
    if isinstance(model, SectionedModel):
        *others, head = sectioned_model.parts_of(model)
        return sectioned_model.with_parts(model, [*others, logits(head)])
    remove = _Remover()
    removed = [
        remove(tensor) if activation(model, at) else None
        for at, tensor in enumerate(model.outputs)
    ]
    outputs = [
        remove.same(tensor) if logit is None else logit
        for tensor, logit in zip(model.outputs, removed, strict=True)
    ]
    remove.rename_copies_next_to_originals(outputs)
    nested = structure.outputs_of(model)
    return keras.Model(
        structure.inputs_of(model),
        keras.tree.pack_sequence_as(nested, outputs),
        name=model.name,
    )


class _Remover:
    """Computes tensors again without the softmax or sigmoid before them."""

    def __init__(self):
        self._known: dict[int, Any] = {}
        self._copies: dict[keras.Operation, keras.Operation] = {}
        self._calls: dict[int, list[keras.KerasTensor]] = {}  # Of copies.

    def __call__(self, tensor):
        """Returns the tensor, computed from logits."""
        if id(tensor) not in self._known:
            self._known[id(tensor)] = self._removed(tensor)
        return self._known[id(tensor)]

    def same(self, tensor):
        """Returns an output without softmax, of a copied model if it is one's.

        A nested model with a softmax and another output then has one copy, and
        is itself not part of the model.
        """
        operation, _, at = tensor._keras_history
        if operation in self._copies and as_functional(operation) is not None:
            return self._call(tensor)[at]
        return tensor

    def rename_copies_next_to_originals(self, outputs):
        """Renames the copies of operations that the outputs still need."""
        remaining, open_ = set(), list(outputs)
        while open_:
            operation, index, _ = open_.pop()._keras_history
            node = operation._inbound_nodes[index]
            if id(node) not in remaining:
                remaining |= {id(node), operation}
                open_ += node.input_tensors
        for original, copy in self._copies.items():
            if original in remaining:
                copy.name = f"{original.name}_logits"

    def _removed(self, tensor):
        operation, index, at = tensor._keras_history
        node = operation._inbound_nodes[index]
        if as_functional(operation) is not None:
            if not activation(operation, at):  # The softmax is before it.
                return _call_again(node, operation, self)[at]
            if operation not in self._copies:
                self._copies[operation] = logits(operation)
            return self._call(tensor)[at]
        if not _activation(operation):
            return _call_again(node, operation, self)[at]
        if not getattr(operation, "weights", ()):
            return node.input_tensors[0]
        if operation not in self._copies:
            self._copies[operation] = _linear(operation)
            self._call(tensor)
            copying.copy_state(operation, self._copies[operation])
        return self._call(tensor)[at]

    def _call(self, tensor):
        """Returns the outputs of a copy, called as its original was."""
        operation, index, _ = tensor._keras_history
        node = operation._inbound_nodes[index]
        if id(node) not in self._calls:
            self._calls[id(node)] = _call_again(node, self._copies[operation])
        return self._calls[id(node)]


def _linear(layer):
    """Returns a copy of a layer without its activation, and without state."""
    if isinstance(layer, keras.layers.TimeDistributed):
        linear = _linear(layer.layer)
        return keras.layers.TimeDistributed(linear, name=layer.name)
    return layer_config.copy_layer(layer, activation="linear")


def _call_again(node, operation, replace=None):
    """Calls an operation as a node does; returns its outputs in a list.

    Args:
        node: the record of the call.
        operation: the operation to call.
        replace: function that replaces the first input tensor; None to keep
            it.
    """
    replaced = {id(tensor): tensor for tensor in node.input_tensors}
    if replace is not None:
        first = node.input_tensors[0]
        replaced[id(first)] = replace(first)
    args, kwargs = node.arguments.fill_in(replaced)
    return keras.tree.flatten(operation(*args, **kwargs))


def _activation(operation):
    if isinstance(operation, keras.layers.TimeDistributed):
        return _activation(operation.layer)
    if isinstance(operation, keras.layers.RNN):  # Within its recurrence.
        return ""
    name = type(operation).__name__
    if name in ("Softmax", "Sigmoid"):  # The layer or the operation.
        return name.lower()
    function = getattr(operation, "activation", None)
    if isinstance(operation, keras.layers.Lambda):
        function = operation.function
    if isinstance(function, keras.layers.Softmax):
        return "softmax"
    try:
        return _FUNCTIONS.get(function, "")
    except TypeError:  # It cannot be hashed.
        return ""


def _leaves_values(operation):
    if type(operation) is keras.layers.Activation:
        return operation.activation is keras.activations.linear
    if isinstance(operation, keras.layers.Layer) and not is_known(operation):
        return False
    return (
        type(operation) in _UNCHANGED
        or type(operation).__name__ in _UNCHANGED_OPERATIONS
    )
