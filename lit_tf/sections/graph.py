"""A functional model as a flat graph, and its rebuilding between two tensors.

Nested models are opened, so that a graph has nothing but calls of layers and of
operations. What is built of it shares the model's layers.
"""

import collections
import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras

from lit_tf import errors


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer, or of an operation.

    Args:
        operation: what is called.
        path: the names of the models that it is in, and its own, by "/".
        node: Keras's record of the call, its arguments in it.
        inputs: the numbers of the tensors that it reads.
        outputs: the numbers of those that it makes.
    """

    operation: Any
    path: str
    node: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def weights(self) -> list[keras.Variable]:
        """Those of the layer; an operation has none."""
        return list(getattr(self.operation, "weights", ()))

    @functools.cached_property
    def form(self) -> tuple:
        """Equal for two calls of layers of one class and size."""
        shapes = tuple(tuple(v.shape) for v in self.weights)
        return type(self.operation).__name__, shapes


@dataclasses.dataclass(frozen=True)
class Graph:
    """Calls in an order in which each finds what it reads.

    Args:
        name: of the model.
        calls: those that an output depends on.
        tensors: symbolic, by number.
        names: by number, the path of the layer that makes the tensor, with
            ":1", ":2", … behind it where it makes several.
        inputs: the numbers of the model's inputs.
        outputs: those of its outputs, nested as the model returns them.
        structure: the model's inputs, nested as the model takes them.
    """

    name: str
    calls: tuple[Call, ...]
    tensors: tuple[keras.KerasTensor, ...]
    names: tuple[str, ...]
    inputs: tuple[int, ...]
    outputs: Any
    structure: Any

    @functools.cached_property
    def cuts(self) -> tuple[int, ...]:
        """The tensors through which everything flows, in order.

        Where one of them is held nothing else passes from the inputs to the
        outputs, no mask either, which Keras hands on as a tensor. An input or
        an output may be among them.
        """
        found = []
        if len(self.inputs) == 1:
            found += self.inputs
        last = self._last_reads
        alive = set(self.inputs)
        for place, call in enumerate(self.calls):
            alive |= set(call.outputs)
            alive = {number for number in alive if last[number] > place}
            if len(alive) == 1 and alive <= set(call.outputs):
                found += alive
        return tuple(found)

    def crossing(self, number: int) -> tuple[int, ...]:
        """Returns all tensors that pass where one is held, that one included.

        Of a cut that is `(number,)`.
        """
        before = {number}
        for call in reversed(self.calls):
            if before & set(call.outputs):
                before |= set(call.inputs) | set(call.outputs)
        read = set(keras.tree.flatten(self.outputs))
        for call in self.calls:
            if not set(call.outputs) <= before:
                read |= set(call.inputs)
        passing = (before | set(self.inputs)) & read
        return tuple(sorted(passing))

    def between(
        self, starts: Iterable[int], ends: Iterable[int]
    ) -> tuple[Call, ...]:
        """Returns the calls that lead from some tensors to others, in order."""
        starts, wanted, found = set(starts), set(ends), []
        for call in reversed(self.calls):
            if wanted & set(call.outputs) - starts:
                found.append(call)
                wanted |= set(call.inputs)
        return tuple(reversed(found))

    def bypassing(self, detours: Mapping[int, int]) -> "Graph":
        """Returns the graph in which tensors stand for others of their shape.

        Args:
            detours: by tensor, which one is read in its place.
        """

        def found(number):
            while number in detours:
                number = detours[number]
            return number

        calls = tuple(
            dataclasses.replace(call, inputs=tuple(map(found, call.inputs)))
            for call in self.calls
        )
        outputs = keras.tree.map_structure(found, self.outputs)
        return dataclasses.replace(self, calls=calls, outputs=outputs)

    @functools.cached_property
    def _last_reads(self):
        """By tensor, the place of the last call that reads it."""
        last = dict.fromkeys(range(len(self.tensors)), -1)
        for place, call in enumerate(self.calls):
            last |= dict.fromkeys(call.inputs, place)
        kept = keras.tree.flatten(self.outputs)
        return last | dict.fromkeys(kept, len(self.calls))


def read_graph(model: keras.Model) -> Graph:
    """Returns a model's graph, nested functional models opened.

    Raises:
        SettingsError: the model is not functional or sequential, or is not
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

    def number(tensor, name):
        tensors.append(tensor)
        names.append(name)
        return len(tensors) - 1

    def walk(functional, known, prefix):
        """Adds the calls of a model whose inputs have numbers already."""
        for depth in sorted(functional._nodes_by_depth, reverse=True):
            for node in functional._nodes_by_depth[depth]:
                if node.is_input:
                    continue
                inner = _opened(node)
                path = prefix + node.operation.name
                read = tuple(known[id(t)] for t in node.input_tensors)
                if inner is not None:
                    results = zip(map(id, inner.inputs), read, strict=True)
                    within = dict(results)
                    walk(inner, within, f"{path}/")
                    made = [within[id(t)] for t in inner.outputs]
                else:
                    made = [number(t, path) for t in node.output_tensors]
                    calls.append(
                        Call(node.operation, path, node, read, tuple(made))
                    )
                outputs = map(id, node.output_tensors)
                known |= dict(zip(outputs, made, strict=True))

    known = {id(t): number(t, t.name) for t in functional.inputs}
    inputs = tuple(known.values())
    walk(functional, known, "")
    outputs = keras.tree.map_structure(
        lambda t: known[id(t)], functional.output
    )
    graph = Graph(
        name=model.name,
        calls=tuple(calls),
        tensors=tuple(tensors),
        names=_told_apart(names),
        inputs=inputs,
        outputs=outputs,
        structure=functional.input,
    )
    flat = keras.tree.flatten(outputs)
    return dataclasses.replace(graph, calls=graph.between(inputs, flat))


def build(
    graph: Graph, starts: Sequence[int], ends: Any, *, name: str
) -> keras.Model:
    """Builds the part of a graph between tensors; it shares the layers.

    Args:
        graph: of a model.
        starts: the tensors that the part is given.
        ends: the tensors that it makes, in any structure.
        name: the part's.

    Returns:
        A functional model. What it takes is nested as the model's inputs,
        where these are what it is given.
    """
    if tuple(starts) == graph.inputs:
        inputs = keras.tree.map_structure(_input, graph.structure)
    else:
        (start,) = starts
        inputs = _input(graph.tensors[start], "representation")
    made = dict(zip(starts, keras.tree.flatten(inputs), strict=True))
    called = _Names()
    for call in graph.between(starts, keras.tree.flatten(ends)):
        given = zip(
            map(id, call.node.input_tensors),
            (made[number] for number in call.inputs),
            strict=True,
        )
        args, kwargs = call.node.arguments.fill_in(dict(given))
        outputs = called(call, args, kwargs)
        made |= dict(
            zip(call.outputs, keras.tree.flatten(outputs), strict=True)
        )
    outputs = keras.tree.map_structure(lambda number: made[number], ends)
    return keras.Model(inputs, outputs, name=name)


def shared(parts: Sequence[Sequence[Call]]) -> list[keras.layers.Layer]:
    """Returns the layers with weights that are called in two or more parts."""
    homes = collections.defaultdict(set)
    for k, calls in enumerate(parts):
        for call in calls:
            if call.weights:
                homes[call.operation].add(k)
    return [layer for layer, where in homes.items() if len(where) > 1]


class _Names:
    """Calls layers; one whose name is taken, in a model of its own.

    Names must be unique within a functional model, and those of layers in two
    nested models need not be. A model of a single layer, named by its path,
    shares the layer and is saved with it.
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


def _told_apart(names):
    counts, seen = collections.Counter(names), collections.Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(f"{name}:{seen[name]}" if counts[name] > 1 else name)
    return tuple(found)


def _input(tensor, name=None):
    return keras.Input(
        batch_shape=tensor.shape, dtype=tensor.dtype, name=name or tensor.name
    )


def _functional(model):
    """Returns the graph that a model runs, None where it runs code instead."""
    if isinstance(model, keras.Sequential):
        return model._functional  # None until it is built.
    if hasattr(model, "_nodes_by_depth") and type(model).call is _call():
        return model
    return None


@functools.cache
def _call():
    x = keras.Input((1,))
    return type(keras.Model(x, x)).call


def _opened(node):
    """Returns the functional model that a node calls, where it can be opened.

    It cannot where it is called with more than its inputs (a mask, `training`),
    or with inputs nested otherwise than its own.
    """
    inner = _functional(node.operation)
    if inner is None:
        return None
    given, *more = node.arguments.args or (None,)
    more += node.arguments.kwargs.values()
    # Of several inputs Keras hands on a list of masks, be there none.
    if any(value is not None for value in keras.tree.flatten(more)):
        return None
    if len(inner.inputs) == 1 == len(node.input_tensors):
        return inner
    tuples = keras.tree.lists_to_tuples
    try:
        keras.tree.assert_same_structure(tuples(given), tuples(inner.input))
    except (TypeError, ValueError):
        return None
    return inner
