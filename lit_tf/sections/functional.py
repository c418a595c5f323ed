"""Functional models, and the graph of one: `read_graph`.

Nested models are opened, and layers that run a list of layers.
"""

import collections
import dataclasses
import functools
from typing import Any

import keras

from lit_tf import errors
from lit_tf.sections import composite, structure
from lit_tf.sections.graph import Call, Graph


def read_graph(model: keras.Model) -> Graph:
    """Returns the graph of a model, with nested functional models opened.

    Args:
        model: functional or sequential.

    Raises:
        SettingsError: if the model is not functional or sequential, or is not
            built.
    """
    functional = require_functional(model)
    tensors, names, calls = [], [], []

    def add(tensor, name):
        tensors.append(tensor)
        names.append(name)
        return len(tensors) - 1

    def walk(functional, numbers, prefix, training):
        """Adds the calls of a model.

        `numbers` are those of its inputs. `training` is the mode in which an
        outer model calls it; None if it does not say.
        """
        for depth in sorted(functional._nodes_by_depth, reverse=True):
            for node in functional._nodes_by_depth[depth]:
                if node.is_input:
                    continue
                nested, mode = _nested_model(node)
                mode = training if mode is None else mode
                path = prefix + node.operation.name
                inputs = tuple(numbers[id(t)] for t in node.input_tensors)
                if nested is not None:
                    inner = zip(map(id, nested.inputs), inputs, strict=True)
                    inner_numbers = dict(inner)
                    walk(nested, inner_numbers, f"{path}/", mode)
                    outputs = [inner_numbers[id(t)] for t in nested.outputs]
                else:
                    outputs = [add(t, path) for t in node.output_tensors]
                    calls.append(
                        Call(
                            node.operation,
                            path,
                            node,
                            inputs,
                            tuple(outputs),
                            training,
                        )
                    )
                tensor_ids = map(id, node.output_tensors)
                numbers |= dict(zip(tensor_ids, outputs, strict=True))

    numbers = {id(t): add(t, t.name) for t in functional.inputs}
    inputs = tuple(numbers.values())
    walk(functional, numbers, "", None)
    outputs = keras.tree.map_structure(
        lambda t: numbers[id(t)], functional.output
    )
    graph = Graph(
        name=model.name,
        calls=tuple(calls),
        tensors=tuple(tensors),
        names=_numbered(names),
        inputs=inputs,
        outputs=outputs,
        structure=functional.input,
    )
    flat = keras.tree.flatten(outputs)
    return dataclasses.replace(graph, calls=graph.between(inputs, flat))


def as_functional(model: keras.Operation) -> Any:
    """Returns the functional model that a model executes.

    Args:
        model: a model or any layer or operation.

    Returns:
        The model, or the functional model in a sequential one; None for a
        subclass with a `call` of its own, and for what is not a model.
    """
    if isinstance(model, keras.Sequential):
        # None until it is built.
        own = type(model).call is not keras.Sequential.call
        return None if own else model._functional
    if hasattr(model, "_nodes_by_depth") and type(model).call is _call():
        return model
    return None


def require_functional(model: keras.Model) -> Any:
    """Returns the functional model that a model executes.

    Args:
        model: functional or sequential.

    Raises:
        SettingsError: if the model is not functional or sequential, or is not
            built.
    """
    if not isinstance(model, keras.Model):
        raise errors.SettingsError(
            f"A model must be a keras.Model. Received: {type(model).__name__}."
        )
    functional = as_functional(model)
    if functional is None:
        raise errors.SettingsError(
            "A model must be functional or sequential, and built, so that its "
            f"graph is known. Received: {type(model).__name__} {model.name!r}. "
            "Build its parts as functional models and join them: "
            "SectionedModel(stem, sections, head)."
        )
    return functional


def is_known(layer: keras.Operation) -> bool:
    """Returns whether Keras or `lit_tf` defines the class of a layer.

    Args:
        layer: a layer or operation.
    """
    return type(layer).__module__.partition(".")[0] in ("keras", "lit_tf")


def inference_mode(model: keras.Model) -> keras.Model:
    """Returns a model that calls another one with `training=False`.

    Args:
        model: functional or sequential. A subclassed model is returned itself,
            because its inputs are unknown.
    """
    functional = as_functional(model)
    if functional is None:
        return model
    inputs = keras.tree.map_structure(structure.input_like, functional.input)
    outputs = model(inputs, training=False)
    return keras.Model(inputs, outputs, name=f"{model.name}_inference")


def _numbered(names):
    """Returns names with ":1", ":2", … added where they occur repeatedly."""
    counts, seen = collections.Counter(names), collections.Counter()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(f"{name}:{seen[name]}" if counts[name] > 1 else name)
    return tuple(numbered)


@functools.cache
def _call():
    """Returns the `call` of functional models; subclasses may override it."""
    x = keras.Input((1,))
    # Keras 3.13 refuses a model without layers.
    return type(keras.Model(x, keras.layers.Identity()(x))).call


def _nested_model(node):
    """Returns the functional model that a node calls, and its `training`.

    The model is None if it is not to be opened: the call has other arguments
    than inputs and `training`, such as a mask, or its inputs are nested
    differently.
    """
    inner = as_functional(node.operation)
    if inner is None:
        return composite.opened(node), node.arguments.kwargs.get("training")
    inputs, *more = node.arguments.args or (None,)
    kwargs = dict(node.arguments.kwargs)
    training = kwargs.pop("training", None)
    more += kwargs.values()
    # For several inputs, Keras passes a list of masks even if all are None.
    if any(value is not None for value in keras.tree.flatten(more)):
        return None, None
    if len(inner.inputs) == 1 == len(node.input_tensors):
        return inner, training
    tuples = keras.tree.lists_to_tuples
    try:
        keras.tree.assert_same_structure(tuples(inputs), tuples(inner.input))
    except (TypeError, ValueError):
        return None, None
    return inner, training
