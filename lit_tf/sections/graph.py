"""`Graph`: a functional model as calls of layers, with questions about it."""

import collections
import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer or of an operation of `keras.ops`.

    Args:
        operation: the layer or operation.
        path: its name, behind the names of the nested models that contain it,
            separated by "/".
        node: Keras's record of the call, with its arguments.
        inputs: numbers of the tensors that it reads.
        outputs: numbers of the tensors that it computes.
        training: the mode in which the nested models that contain it are
            called; None if the outermost call decides.
    """

    operation: Any
    path: str
    node: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    training: bool | None = None

    @property
    def weights(self) -> list[keras.Variable]:
        """The weights of the layer; none for an operation."""
        return list(getattr(self.operation, "weights", ()))

    @functools.cached_property
    def form(self) -> tuple:
        """Class and shapes of the weights; equal for two layers of one kind."""
        shapes = tuple(tuple(v.shape) for v in self.weights)
        return type(self.operation).__name__, shapes


@dataclasses.dataclass(frozen=True)
class Graph:
    """The calls of a model, in an order in which it can compute them.

    Nested functional models are opened: a graph contains only calls of layers
    and of operations. Tensors have numbers.

    Args:
        name: name of the model.
        calls: calls that an output depends on.
        tensors: symbolic tensors, by number.
        names: path of the layer that computes each tensor, by number. If a
            layer computes several, ":1", ":2", … follow the path.
        inputs: numbers of the model's inputs.
        outputs: numbers of the model's outputs, nested as the model returns
            them.
        structure: the model's inputs, nested as the model takes them.
    """

    name: str
    calls: tuple[Call, ...]
    tensors: tuple[keras.KerasTensor, ...]
    names: tuple[str, ...]
    inputs: tuple[int, ...]
    outputs: Any
    structure: Any

    def place(self, number: int) -> int:
        """Returns the place of the call that computes a tensor.

        Args:
            number: number of the tensor; an input has place −1.
        """
        return self._places.get(number, -1)

    def label(self, number: int) -> str:
        """Returns how a message names a tensor: by the layer that computes it.

        Args:
            number: number of the tensor.
        """
        name = repr(self.names[number])
        history = getattr(self.tensors[number], "_keras_history", None)
        if number in self.inputs and history is not None:
            return f"the input {history.operation.name!r}"
        if self._is_mask(number):
            (maker,) = [c for c in self.calls if number in c.outputs]
            # Keras computes a mask of what the layer reads.
            layers = [
                call.path
                for call in self.calls
                if call.inputs == maker.inputs and call.weights
            ]
            return f"the mask made by {[*layers, maker.path][0]!r}"
        return name

    def crossing(self, number: int) -> tuple[int, ...]:
        """Returns the tensors that a cut at a tensor would separate.

        Args:
            number: number of the tensor, which is among the result.

        Returns:
            Their numbers, sorted.
        """
        before = {number}
        for call in reversed(self.calls):
            if before & set(call.outputs):
                before |= set(call.inputs) | set(call.outputs)
        read = set(keras.tree.flatten(self.outputs))
        for call in self.calls:
            if not set(call.outputs) <= before:
                read |= set(call.inputs)
        crossing = (before | set(self.inputs)) & read
        return tuple(sorted(crossing))

    def between(
        self, starts: Iterable[int], ends: Iterable[int]
    ) -> tuple[Call, ...]:
        """Returns the calls that compute some tensors from others, in order.

        Args:
            starts: numbers of the tensors to compute from.
            ends: numbers of the tensors to compute.
        """
        starts, needed, calls = set(starts), set(ends), []
        for call in reversed(self.calls):
            if needed & set(call.outputs) - starts:
                calls.append(call)
                needed |= set(call.inputs)
        return tuple(reversed(calls))

    def bypassing(self, replacements: Mapping[int, int]) -> "Graph":
        """Returns a graph in which tensors are replaced by earlier ones.

        Args:
            replacements: the tensor that is read instead, by tensor. Both have
                the same shape.
        """

        def replaced(number):
            while number in replacements:
                number = replacements[number]
            return number

        calls = tuple(
            dataclasses.replace(call, inputs=tuple(map(replaced, call.inputs)))
            for call in self.calls
        )
        outputs = keras.tree.map_structure(replaced, self.outputs)
        return dataclasses.replace(self, calls=calls, outputs=outputs)

    @functools.cached_property
    def _places(self):
        return {
            number: place
            for place, call in enumerate(self.calls)
            for number in call.outputs
        }

    def _is_mask(self, number):
        """Returns whether a layer takes a tensor as a mask."""
        tensor = self.tensors[number]
        return any(
            "mask" in name and value is tensor
            for call in self.calls
            for name, value in call.node.arguments.kwargs.items()
        )

    @functools.cached_property
    def last_reads(self) -> dict[int, int]:
        """The place of the last call that reads a tensor, by tensor.

        It is −1 for a tensor that is not read, and the number of calls for an
        output.
        """
        last = dict.fromkeys(range(len(self.tensors)), -1)
        for place, call in enumerate(self.calls):
            last |= dict.fromkeys(call.inputs, place)
        outputs = keras.tree.flatten(self.outputs)
        return last | dict.fromkeys(outputs, len(self.calls))


def shared_layers(
    parts: Sequence[Sequence[Call]],
) -> list[keras.layers.Layer]:
    """Returns the layers whose weights are used in two or more parts.

    That is a layer that is called in several parts, or a layer that uses
    weights of another one, such as a head that reuses an embedding.

    Args:
        parts: calls of each part of a model.
    """
    owners = collections.defaultdict(dict)
    for k, calls in enumerate(parts):
        for call in calls:
            for variable in call.weights:
                owners[id(variable)].setdefault(k, call.operation)
    shared = [by_part for by_part in owners.values() if len(by_part) > 1]
    layers = [layer for by_part in shared for layer in by_part.values()]
    return list(dict.fromkeys(layers))
