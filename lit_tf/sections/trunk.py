"""`Trunk`: the part of a graph through which a representation flows.

A section computes one tensor, its representation, from the one before. It may
also read context: tensors that the stem computes and that depend on no section,
such as a padding mask or position tensors.
"""

import dataclasses
import functools
import itertools
from collections.abc import Iterable, Sequence

from lit_tf.sections.graph import Call, Graph

# How many roots are tried.
_ROOTS = 64


@dataclasses.dataclass(frozen=True)
class Trunk:
    """The tensors of a graph that depend on a root. All others are context.

    Args:
        graph: the graph.
        root: number of the tensor with which the trunk begins; None if all
            tensors of the graph are in the trunk, so that there is no context.
        side: numbers of tensors that depend on the root but are context. The
            root itself may be one: a representation and context as well.
    """

    graph: Graph
    root: int | None = None
    side: frozenset[int] = frozenset()

    @functools.cached_property
    def tensors(self) -> frozenset[int]:
        """The numbers of the tensors in the trunk, without context."""
        if self.root is None:
            return frozenset(range(len(self.graph.tensors)))
        tensors = {self.root}
        for call in self.graph.calls:
            if not tensors.isdisjoint(call.inputs):
                tensors |= set(call.outputs) - self.side
        return frozenset(tensors - self.side)

    def only(self, calls: Iterable[Call]) -> tuple[Call, ...]:
        """Returns those of some calls that are in the trunk."""
        read = self.tensors | {self.root}
        return tuple(
            call
            for call in calls
            if not self.tensors.isdisjoint(call.outputs)
            and not read.isdisjoint(call.inputs)
        )

    @property
    def cuts(self) -> tuple[int, ...]:
        """The tensors at which the trunk can be cut, in order.

        All that flows through the trunk to the outputs passes through such a
        tensor. An input and an output can be cuts.
        """
        return tuple(number for number, _ in self._places)

    def between(self, start: int, end: int) -> tuple[Call, ...]:
        """Returns the calls of the trunk from one cut to a later one.

        Args:
            start: number of the tensor to compute from.
            end: number of the tensor to compute.
        """
        return self.only(self.graph.between((start,), (end,)))

    def context(self, start: int, calls: Iterable[Call]) -> tuple[int, ...]:
        """Returns the context that calls read and do not compute, each once.

        Args:
            start: number of the representation that the calls read.
            calls: calls of the trunk, and others that compute context.
        """
        own = self.tensors | {start}
        read = []
        for call in calls:
            read += call.inputs
            if self.tensors.isdisjoint(call.outputs):
                own |= {*call.outputs}
        return tuple(dict.fromkeys(n for n in read if n not in own))

    @property
    def longest_part(self) -> int:
        """The number of calls between two neighboring cuts, at most.

        What precedes the first cut and what follows the last one count, too.
        """
        return max(past - first for first, past in self._parts)

    def passing(self) -> tuple[int, ...]:
        """Returns the tensors that pass the middle of the longest part."""
        first, past = max(self._parts, key=lambda part: part[1] - part[0])
        middle, last = (first + past) // 2, self.graph.last_reads
        before = itertools.chain(
            self.graph.inputs,
            *(call.outputs for call in self.graph.calls[:middle]),
        )
        return tuple(
            n for n in before if n in self.tensors and last[n] >= middle
        )

    @property
    def _parts(self):
        """The first and the past place of the calls between cuts."""
        places = [place + 1 for _, place in self._places]
        start = [] if self.root is not None else [0]
        return itertools.pairwise([*start, *places, len(self.graph.calls)])

    @property
    def _first_block_ends(self):
        """The place of the last call that reads the root within its block.

        A root that is context too, as in a long skip connection, is read once
        more behind all blocks.
        """
        if self.root not in self.side:
            return -1
        reads = [
            place
            for place, call in enumerate(self.graph.calls)
            if self.root in call.inputs
            and not self.tensors.isdisjoint(call.outputs)
        ]
        return reads[-2] if len(reads) > 1 else -1

    @functools.cached_property
    def _places(self):
        """The cuts and the places of their calls; −1 for an input."""
        last = self.graph.last_reads
        alive = self.tensors.intersection(self.graph.inputs)
        if self.root is not None:
            places = [(self.root, self.graph.place(self.root))]
        else:
            places = [(number, -1) for number in alive if len(alive) == 1]
        for place, call in enumerate(self.graph.calls):
            alive |= self.tensors.intersection(call.outputs)
            alive = {number for number in alive if last[number] > place}
            if place < self._first_block_ends:
                continue
            if len(alive) == 1 and alive <= {*call.outputs} - {self.root}:
                places += [(number, place) for number in alive]
        return tuple(places)


def with_side(trunk: Trunk, tensors: Iterable[int]) -> Trunk:
    """Returns a trunk in which more tensors are context.

    Args:
        trunk: a trunk with a root.
        tensors: numbers of tensors that become context, with all between the
            root and them.
    """
    graph, tensors = trunk.graph, trunk.tensors.intersection(tensors)
    before = graph.between((trunk.root,), tensors)
    side = {n for call in before for n in call.outputs} - {trunk.root}
    return dataclasses.replace(
        trunk, side=trunk.side | (trunk.tensors & side) | tensors
    )


def find_trunks(
    graph: Graph, roots: Sequence[int] | None = None
) -> list[Trunk]:
    """Returns the trunks in which a graph may repeat blocks.

    The first is the whole graph. Others follow if tensors pass next to most of
    the graph, such as a mask.

    Args:
        graph: a graph.
        roots: numbers of tensors with which a trunk may begin; any by default.
    """
    whole = Trunk(graph)
    if _is_short(whole):
        return [whole]
    if roots is None:
        outputs = (n for call in graph.calls for n in call.outputs)
        roots = [*graph.inputs, *outputs]
    trunks, behind = [], set()
    for root in roots:
        # A later cut of a trunk is the root of a part of it.
        if root in behind or len(trunks) == _ROOTS:
            continue
        trunk = shortened(Trunk(graph, root))
        trunks.append(trunk)
        if _is_short(trunk):
            behind.update(trunk.cuts)
    trunks.sort(key=lambda trunk: len(trunk.cuts), reverse=True)
    return [whole, *trunks]


def shortened(trunk: Trunk) -> Trunk:
    """Returns a trunk of parts half as long, if the oldest tensors are context.

    Args:
        trunk: a trunk with a root.
    """
    while passing := sorted(trunk.passing(), key=trunk.graph.place):
        # Keys and values that all blocks read are two tensors; a long skip
        # connection, which is the root, is one.
        most = 1 if trunk.root in passing else max(1, len(passing) - 1)
        for count in range(1, most + 1):
            better = with_side(trunk, passing[:count])
            if 2 * better.longest_part <= trunk.longest_part:
                break
        else:
            break
        trunk = better
    return trunk


def _is_short(trunk):
    return 4 * trunk.longest_part <= len(trunk.graph.calls)
