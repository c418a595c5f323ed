"""`keras_form`: a layer of this package as Keras's own layers and operations.

Each layer has a method `keras_form(inputs)`. Keras can load what it returns
without this package.
"""

from typing import Any

import keras


def keras_form(layer: keras.Operation) -> keras.layers.Layer | None:
    """Returns a layer of Keras, or a model of them, that computes the same.

    Args:
        layer: any layer or operation, which has been called in a functional
            model.

    Returns:
        A new layer with the same name, whose variables, if any, have the same
        order and are not set; None if the layer is not of this package.
    """
    if not has_keras_form(layer):
        return None
    return layer.keras_form(_inputs_of(layer))


def has_keras_form(layer: keras.Operation) -> bool:
    """Returns whether a layer is of this package.

    Args:
        layer: any layer or operation.
    """
    # A subclass, which a user may have written, need not compute the same.
    return "keras_form" in vars(type(layer))


def is_keras_form(form: keras.Operation, layer: keras.layers.Layer) -> bool:
    """Returns whether a layer is what another one would be replaced by.

    Args:
        form: a layer or model, which has been called in a functional model.
        layer: a layer of this package.
    """

    def content(form):
        if not isinstance(form, keras.Model):
            return form.get_config()
        # Keras numbers the names of operations; a file has no tuples.
        return [
            keras.tree.lists_to_tuples(x.get_config()) | {"name": type(x)}
            for x in form.operations
        ]

    expected = layer.keras_form(_inputs_of(form))
    same = type(expected) is type(form) and expected.name == form.name
    return same and content(expected) == content(form)


def model_of(
    layer: keras.layers.Layer, inputs: Any, outputs: Any
) -> keras.Model:
    """Returns the operations between two tensors as a model.

    Args:
        layer: the layer that the model replaces; it gives the name.
        inputs: symbolic inputs, nested as the layer takes them.
        outputs: symbolic outputs.
    """
    return keras.Model(inputs, outputs, name=layer.name)


def computed(layer: keras.layers.Layer, tensor: keras.KerasTensor) -> Any:
    """Returns a symbolic input as the layer casts it before it computes.

    Args:
        layer: the layer.
        tensor: an input of it.
    """
    is_float = "float" in tensor.dtype
    if is_float and layer.autocast and tensor.dtype != layer.compute_dtype:
        return keras.ops.cast(tensor, layer.compute_dtype)
    return tensor


def _inputs_of(layer):
    """Returns new symbolic inputs that fit all calls of a layer."""
    first, *others = (node.arguments.args[0] for node in layer._inbound_nodes)

    def input_(tensor, *same):
        shapes = zip(tensor.shape, *(t.shape for t in same), strict=True)
        shape = [n[0] if len(set(n)) == 1 else None for n in shapes]
        return keras.Input(batch_shape=shape, dtype=tensor.dtype)

    return keras.tree.map_structure(input_, first, *others)
