"""Functional models to graphs and back: `read_graph`, `build_part`.

Nested models are opened. A model that is built from a graph shares the layers
of the original.
"""

import collections
import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import keras

from lit_tf import errors
from lit_tf.sections.graph import Call, Graph


def read_graph(model: keras.Model) -> Graph:
    """Returns the graph of a model, with nested functional models opened.

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
    functional = _functional(model)
    if functional is None:
        raise errors.SettingsError(
            "A model must be functional or sequential, and built, so that its "
            f"graph is known. Received: {type(model).__name__} {model.name!r}. "
            "Build its parts as functional models and join them: "
            "SectionedModel(stem, sections, head)."
        )
    tensors, names, calls = [], [], []

    def add(tensor, name):
        tensors.append(tensor)
        names.append(name)
        return len(tensors) - 1

    def walk(functional, numbers, prefix):
        """Adds the calls of a model; `numbers` are those of its inputs."""
        for depth in sorted(functional._nodes_by_depth, reverse=True):
            for node in functional._nodes_by_depth[depth]:
                if node.is_input:
                    continue
                nested = _nested_model(node)
                path = prefix + node.operation.name
                inputs = tuple(numbers[id(t)] for t in node.input_tensors)
                if nested is not None:
                    inner = zip(map(id, nested.inputs), inputs, strict=True)
                    inner_numbers = dict(inner)
                    walk(nested, inner_numbers, f"{path}/")
                    outputs = [inner_numbers[id(t)] for t in nested.outputs]
                else:
                    outputs = [add(t, path) for t in node.output_tensors]
                    calls.append(
                        Call(node.operation, path, node, inputs, tuple(outputs))
                    )
                tensor_ids = map(id, node.output_tensors)
                numbers |= dict(zip(tensor_ids, outputs, strict=True))

    numbers = {id(t): add(t, t.name) for t in functional.inputs}
    inputs = tuple(numbers.values())
    walk(functional, numbers, "")
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
    graph: Graph, starts: Sequence[int], ends: Any, *, name: str
) -> keras.Model:
    """Builds the part of a model between tensors, with the model's layers.

    Args:
        graph: graph of the model.
        starts: numbers of the tensors that the part reads.
        ends: numbers of the tensors that it computes, in any structure.
        name: name of the part.

    Returns:
        A functional model. If `starts` are the model's inputs, its inputs are
        nested in the same way.
    """
    if tuple(starts) == graph.inputs:
        inputs = keras.tree.map_structure(_input, graph.structure)
    else:
        (start,) = starts
        inputs = _input(graph.tensors[start], "representation")
    tensors = dict(zip(starts, keras.tree.flatten(inputs), strict=True))
    caller = _Caller()
    for call in graph.between(starts, keras.tree.flatten(ends)):
        arguments = zip(
            map(id, call.node.input_tensors),
            (tensors[number] for number in call.inputs),
            strict=True,
        )
        args, kwargs = call.node.arguments.fill_in(dict(arguments))
        outputs = keras.tree.flatten(caller(call, args, kwargs))
        tensors |= dict(zip(call.outputs, outputs, strict=True))
    outputs = keras.tree.map_structure(lambda number: tensors[number], ends)
    return keras.Model(inputs, outputs, name=name)


class _Caller:
    """Calls layers so that names stay unique within a functional model.

    Layers of two nested models may have the same name. The second one is called
    through a model of this single layer, whose name is the layer's path. This
    model shares the layer and is saved with it.
    """

    def __init__(self):
        self._owners = {}
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
            inputs = [_input(x) for x in tensors]
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


def _functional(model):
    """Returns the functional model that a model executes, None if none."""
    if isinstance(model, keras.Sequential):
        return model._functional  # None until it is built.
    if hasattr(model, "_nodes_by_depth") and type(model).call is _call():
        return model
    return None


@functools.cache
def _call():
    """Returns the `call` of functional models; subclasses may override it."""
    x = keras.Input((1,))
    return type(keras.Model(x, x)).call


def _nested_model(node):
    """Returns the functional model that a node calls, None if not to be opened.

    A model is not opened if the call has more arguments than its inputs (a
    mask, `training`), or if the inputs are nested differently.
    """
    inner = _functional(node.operation)
    if inner is None:
        return None
    inputs, *more = node.arguments.args or (None,)
    more += node.arguments.kwargs.values()
    # For several inputs, Keras passes a list of masks even if all are None.
    if any(value is not None for value in keras.tree.flatten(more)):
        return None
    if len(inner.inputs) == 1 == len(node.input_tensors):
        return inner
    tuples = keras.tree.lists_to_tuples
    try:
        keras.tree.assert_same_structure(tuples(inputs), tuples(inner.input))
    except (TypeError, ValueError):
        return None
    return inner
