"""Parts of a model, built from its graph and its layers: `build_part`."""

from collections.abc import Sequence
from typing import Any

import keras

from lit_tf.sections.graph import Graph
from lit_tf.sections.structure import input_like


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
        inputs = keras.tree.map_structure(input_like, graph.structure)
    elif len(starts) == 1:
        inputs = input_like(graph.tensors[starts[0]], "representation")
    else:
        first, *others = (graph.tensors[start] for start in starts)
        inputs = [input_like(first, "representation")]
        inputs += [input_like(t, f"context_{k}") for k, t in enumerate(others)]
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


class _Caller:
    """Calls layers so that names stay unique within a functional model.

    Layers of two nested models may have the same name. The second one is called
    through a model of this single layer, whose name is the layer's path, one
    for each way in which it is called (its other arguments, and which tensors
    are the same). This model shares the layer and is saved with it. A layer
    with the name of an input is called in the same way.
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
        tensors = [*{id(x): x for x in tensors}.values()]
        places = {id(x): f"tensor {k}" for k, x in enumerate(tensors)}
        wiring = keras.tree.map_structure(
            lambda x: places.get(id(x), x), (args, kwargs)
        )
        key = operation, repr(wiring)
        if key not in self._wrapped:
            inputs = [
                input_like(x, f"{operation.name}_input_{k}")
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
            self._wrapped[key] = keras.Model(
                inputs, operation(*args, **kwargs), name=name
            )
        return self._wrapped[key](tensors)


def _takes_training(operation):
    """Returns whether a layer computes differently while a model is trained."""
    return getattr(operation, "_call_has_training_arg", False)
