"""Functional models to graphs and back: `read_graph`, `build_part`.

Nested models are opened, and layers that run a list of layers. A model that is
built from a graph shares the layers of the original.
"""

import collections
import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import keras

from lit_tf import errors
from lit_tf.sections import composite
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


def build_part(
    graph: Graph,
    starts: Sequence[int],
    ends: Any,
    *,
    name: str,
    always_inference: bool = True,
) -> keras.Model:
    """Builds the part of a model between tensors, with the model's layers.

    Args:
        graph: graph of the model.
        starts: numbers of the tensors that the part reads: a representation,
            or a list of it and of further tensors.
        ends: numbers of the tensors that it computes, in any structure.
        name: name of the part.
        always_inference: whether layers that the model calls with
            `training=False` run in inference mode while the part is trained.

    Returns:
        A functional model. If `starts` are the model's inputs, its inputs are
        nested in the same way.
    """
    if tuple(starts) == graph.inputs:
        inputs = keras.tree.map_structure(_input, graph.structure)
    elif len(starts) == 1:
        inputs = _input(graph.tensors[starts[0]], "representation")
    else:
        first, *others = (graph.tensors[start] for start in starts)
        inputs = [_input(first, "representation")]
        inputs += [_input(t, f"context_{k}") for k, t in enumerate(others)]
    tensors = dict(zip(starts, keras.tree.flatten(inputs), strict=True))
    dropped_modes = (None,) if always_inference else (None, False)
    caller = _Caller(tensor.name for tensor in keras.tree.flatten(inputs))
    for call in graph.between(starts, keras.tree.flatten(ends)):
        arguments = zip(
            map(id, call.node.input_tensors),
            (tensors[number] for number in call.inputs),
            strict=True,
        )
        args, kwargs = call.node.arguments.fill_in(dict(arguments))
        if kwargs.get("training") is None and _takes_training(call.operation):
            kwargs["training"] = call.training
        if kwargs.get("training", True) in dropped_modes:
            del kwargs["training"]
        outputs = keras.tree.flatten(caller(call, args, kwargs))
        tensors |= dict(zip(call.outputs, outputs, strict=True))
    outputs = keras.tree.map_structure(lambda number: tensors[number], ends)
    return keras.Model(inputs, outputs, name=name)


def as_functional(model: keras.Operation) -> Any:
    """Returns the functional model that a model executes.

    Args:
        model: a model or any layer or operation.

    Returns:
        The model, or the functional model in a sequential one; None for a
        subclass with a `call` of its own, and for what is not a model.
    """
    if isinstance(model, keras.Sequential):
        return model._functional  # None until it is built.
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
    inputs = keras.tree.map_structure(_input, functional.input)
    outputs = model(inputs, training=False)
    return keras.Model(inputs, outputs, name=f"{model.name}_inference")


class _Caller:
    """Calls layers so that names stay unique within a functional model.

    Layers of two nested models may have the same name. The second one is called
    through a model of this single layer, whose name is the layer's path. This
    model shares the layer and is saved with it. A layer with the name of an
    input is called in the same way.
    """

    def __init__(self, input_names):
        self._owners = dict.fromkeys(input_names)
        self._wrapped = {}

    def __call__(self, call, args, kwargs):
        operation = call.operation
        owner = self._owners.setdefault(operation.name, operation)
        if owner is operation:
            return operation(*args, **kwargs)
        tensors = [
            x
            for x in keras.tree.flatten((args, kwargs))
            if isinstance(x, keras.KerasTensor)
        ]
        if operation not in self._wrapped:
            inputs = [
                _input(x, f"{operation.name}_input_{k}")
                for k, x in enumerate(tensors)
            ]
            inner = dict(zip(map(id, tensors), inputs, strict=True))
            args, kwargs = keras.tree.map_structure(
                lambda x: inner.get(id(x), x), (args, kwargs)
            )
            name = call.path.replace("/", "_")
            while name in self._owners:
                name += "_"
            self._owners[name] = operation
            self._wrapped[operation] = keras.Model(
                inputs, operation(*args, **kwargs), name=name
            )
        return self._wrapped[operation](tensors)


def _numbered(names):
    """Returns names with ":1", ":2", … added where they occur repeatedly."""
    counts, seen = collections.Counter(names), collections.Counter()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(f"{name}:{seen[name]}" if counts[name] > 1 else name)
    return tuple(numbered)


def _input(tensor, name=None):
    return keras.Input(
        batch_shape=tensor.shape, dtype=tensor.dtype, name=name or tensor.name
    )


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


def _takes_training(operation):
    """Returns whether a layer computes differently while a model is trained."""
    return getattr(operation, "_call_has_training_arg", False)
