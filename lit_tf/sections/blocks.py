"""The blocks that a network repeats, found in its graph.

The cuts of a trunk (`Trunk.cuts`) divide it into segments. A segment between
two tensors of one shape can be left out. Such a segment and the normalizations
and activations that belong to it are a block.
"""

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Sequence

import keras

from lit_tf.sections.graph import Call, Graph
from lit_tf.sections.trunk import Trunk


@dataclasses.dataclass(frozen=True)
class Block:
    """Consecutive calls from one cut to another.

    Args:
        start: number of the tensor that it reads.
        end: number of the tensor that it computes. If the block can be left
            out, both have the same shape.
        calls: calls between the two, without those that compute context.
    """

    start: int
    end: int
    calls: tuple[Call, ...]

    @functools.cached_property
    def form(self) -> tuple:
        """The forms of its calls; equal for two blocks of the same layers."""
        return tuple(call.form for call in self.calls)

    @property
    def layers(self) -> list[keras.layers.Layer]:
        """The layers with weights, each once."""
        layers = (call.operation for call in self.calls if call.weights)
        return list(dict.fromkeys(layers))

    @property
    def kinds(self) -> tuple:
        """The classes and the kernel windows of its layers, without widths."""
        return tuple(
            (
                type(layer).__name__,
                *(tuple(v.shape[:-2]) for v in layer.weights),
            )
            for layer in self.layers
        )

    @property
    def kernels(self) -> int:
        """The number of its layers with a kernel: at least a matrix.

        The table of an embedding is not a kernel.
        """
        return sum(
            any(len(v.shape) > 1 for v in layer.weights)
            for layer in self.layers
            if "Embedding" not in type(layer).__name__
        )

    @property
    def residual(self) -> bool:
        """Whether it adds two tensors."""
        return any(
            type(call.operation).__name__ == "Add" and len(call.inputs) > 1
            for call in self.calls
        )


@dataclasses.dataclass(frozen=True)
class BlockRow:
    """A row of blocks, each of which can be left out.

    Args:
        lead: what leads from the row before to this one, and always stays.
        blocks: the blocks, in order.
    """

    lead: tuple[Block, ...]
    blocks: tuple[Block, ...]


@dataclasses.dataclass(frozen=True)
class Chain:
    """A whole trunk: rows of blocks, and what follows the last row.

    Args:
        trunk: the trunk of a graph.
        rows: rows of blocks, in order; none if nothing can be left out.
        tail: what follows the last row.
    """

    trunk: Trunk
    rows: tuple[BlockRow, ...]
    tail: tuple[Block, ...]

    @property
    def graph(self) -> Graph:
        """The graph of the trunk."""
        return self.trunk.graph

    @property
    def blocks(self) -> list[Block]:
        """The blocks of all rows, which can be left out."""
        return [block for row in self.rows for block in row.blocks]

    @property
    def fixed(self) -> list[Block]:
        """What always stays, before the rows and after them."""
        return [block for row in self.rows for block in row.lead] + [*self.tail]

    @property
    def count(self) -> int:
        """The number of blocks, including a first one that always stays.

        What always stays counts as one block if it has as many kernels as the
        others: a block that halves an image counts, a single convolution does
        not.
        """
        fixed = sum(block.kernels for block in self.fixed)
        least = min((block.kernels for block in self.blocks), default=1)
        return len(self.blocks) + (fixed >= least)

    def kept(self, count: int) -> list[int]:
        """Returns which of `blocks` stay if `count` blocks are kept.

        Args:
            count: number of blocks to keep, as `Chain.count` counts them.
        """
        fixed = self.count - len(self.blocks)
        numbers = evenly_spaced(count, self.count)
        return [number - 1 for number in numbers[1:]] if fixed else numbers


def find_blocks_in_trunk(trunk: Trunk) -> Chain:
    """Finds the blocks of a trunk.

    A block has one segment with kernels. This segment is residual, or it
    repeats its neighbors (see `_repeating`); a gate, a lone depthwise
    convolution or a projection before or behind all blocks is never left out.
    Segments without kernels (BatchNorm, ReLU) between two such segments belong
    to the earlier or the later one, so that as many blocks as possible are
    equal: to the later one if activations come first, to the earlier one if
    they come last. If different blocks alternate (attention, MLP, attention,
    …), one whole period is a block, and what is left at the end is one more.
    """
    segments = _segments(trunk)
    rows, done = [], 0
    for heavy, first, past in _repeated(trunk, segments):
        bounds = _bounds(segments, heavy, first, past)
        lead = tuple(segments[done : bounds[0][0]])
        blocks = tuple(_joined(segments[a:b]) for a, b in bounds)
        rows.append(BlockRow(lead, blocks))
        done = bounds[-1][1]
    return Chain(trunk, tuple(rows), tuple(segments[done:]))


def evenly_spaced(count: int, total: int) -> list[int]:
    """Returns which of a teacher's blocks a student keeps or starts from.

    They are spread evenly and include the first and the last: block j of n is
    block round(j·(N − 1)/(n − 1)) of N, counted from 0.

    Args:
        count: n, the number of blocks of the student.
        total: N, the number of blocks of the teacher.
    """
    return [round(j * (total - 1) / max(1, count - 1)) for j in range(count)]


def _segments(trunk) -> list[Block]:
    """Returns the calls between each two neighbouring cuts."""
    return [
        Block(start, end, trunk.between(start, end))
        for start, end in itertools.pairwise(trunk.cuts)
    ]


def _repeated(trunk, segments) -> Iterator[tuple[list[int], int, int]]:
    """Yields rows of repeated segments with kernels.

    Each item is (the numbers of these segments; the first segment that may
    belong to the row, behind the last other one with kernels; the end of the
    row, which is the next other segment with kernels or one of another shape).
    """
    for first, past in _same_shape(trunk):
        heavy = [k for k in range(first, past) if segments[k].kernels]
        led = [k for k in [first - 1] if k >= 0 and segments[k].kernels]
        repeating, joined = _repeating(segments, led + heavy)
        row = []
        for k in [*heavy, past]:
            if row and k in repeating and not joined(row[-1], k):
                yield row, first, k
                row, first = [], row[-1] + 1
            if k in repeating:
                row.append(k)
                continue
            if row:
                yield row, first, k
            row, first = [], k + 1


def _repeating(segments, numbers):
    """Finds which of neighboring segments with kernels may be blocks.

    They are the residual ones, and those in a part that is repeated at once:
    two equal runs of one or more segments, one behind the other. Next to
    residual ones, runs without any must be three: one or two, such as
    projections to a width and back, lead to the blocks or follow them.

    Args:
        segments: all segments.
        numbers: the numbers of those with kernels between cuts of one shape,
            and of the one before, which leads to them.

    Returns:
        A set of numbers; and a function of two neighbors among them: whether
        they are in one row, because both are residual, or neither is, or a
        repeated part has both.
    """
    residual = {k for k in numbers if segments[k].residual}
    kinds = [(segments[k].kinds, k in residual) for k in numbers]
    found, pairs = set(residual), set()
    for period in range(1, len(kinds) // 2 + 1):
        for first in range(len(kinds) - 2 * period + 1):
            run = numbers[first : first + 2 * period]
            plain = residual and residual.isdisjoint(run)
            past = first + (3 if plain else 2) * period
            part = kinds[first:past]
            if past <= len(kinds) and part[period:] == part[:-period]:
                found.update(numbers[first:past])
                pairs.update(itertools.pairwise(numbers[first:past]))

    def joined(one, other):
        return (one in residual) == (other in residual) or (
            (one, other) in pairs
        )

    return found, joined


def _same_shape(trunk) -> Iterator[tuple[int, int]]:
    """Yields (first, past) of segments between cuts of one shape.

    Floating-point numbers of all precisions are of one kind: under a mixed
    policy a section reads float32 and computes in half precision.
    """
    tensors = [trunk.graph.tensors[number] for number in trunk.cuts]
    form = [
        (t.shape, "float" if "float" in t.dtype else t.dtype) for t in tensors
    ]
    first = 0
    for place in range(1, len(form) + 1):
        if place == len(form) or form[place] != form[first]:
            if place - 1 > first:
                yield first, place - 1
            first = place


def _bounds(segments, heavy, first, past) -> list[tuple[int, int]]:
    """Returns (first, past) of each block in a row of segments."""
    # How many segments without kernels precede each one with kernels.
    gaps = [k - last - 1 for last, k in itertools.pairwise([first - 1, *heavy])]
    best = max(
        (_aligned(heavy, gaps, early, past) for early in range(max(gaps) + 1)),
        key=lambda bounds: _score(segments, bounds, past),
    )
    period = _period([_joined(segments[a:b]).form for a, b in best])
    return [
        (best[i][0], best[min(i + period, len(best)) - 1][1])
        for i in range(0, len(best), period)
    ]


def _aligned(heavy, gaps, early, past):
    """Returns blocks that begin `early` segments before one with kernels."""
    starts = [k - min(early, gap) for k, gap in zip(heavy, gaps, strict=True)]
    # The last block ends as the others do, as far as there are segments.
    late = max(0, min(gaps[1:] or gaps) - early)
    return list(
        zip(starts, [*starts[1:], min(past, heavy[-1] + 1 + late)], strict=True)
    )


def _score(segments, bounds, past):
    """Returns how many blocks are equal, then how few segments remain."""
    forms = [_joined(segments[a:b]).form for a, b in bounds]
    equal = sum(forms.count(form) > 1 for form in forms)
    return equal, bounds[-1][1] - past


def _period(forms):
    """Returns after how many blocks they repeat; 1 if they do not.

    At the end a part of a period may be left.
    """
    for period in range(1, len(forms) // 2 + 1):
        if forms[period:] == forms[:-period]:
            return period
    return 1


def _joined(segments: Sequence[Block]) -> Block:
    calls = tuple(call for segment in segments for call in segment.calls)
    return Block(segments[0].start, segments[-1].end, calls)
