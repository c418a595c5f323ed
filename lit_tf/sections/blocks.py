"""The blocks that a network repeats, found in its graph.

Where a graph has cuts (`Graph.cuts`) it is a chain of segments. Between cuts of
one shape a segment may be left out, and the rest still fits; together with the
normalisations and activations that belong to it, it is a block.
"""

import collections
import dataclasses
import functools
import itertools
from collections.abc import Iterator, Sequence

import keras

from lit_tf.sections.graph import Call, Graph, read_graph


@dataclasses.dataclass(frozen=True)
class Block:
    """Consecutive calls, from one cut to another.

    Args:
        start: the number of the tensor that it is given.
        end: of the one that it makes; where the block is to be left out, of
            the shape of `start`.
        calls: what is between them.
    """

    start: int
    end: int
    calls: tuple[Call, ...]

    @functools.cached_property
    def form(self) -> tuple:
        """Equal for two blocks of the same layers."""
        return tuple(call.form for call in self.calls)

    @property
    def layers(self) -> list[keras.layers.Layer]:
        """Those that have weights, each once."""
        found = (call.operation for call in self.calls if call.weights)
        return list(dict.fromkeys(found))

    @property
    def kinds(self) -> tuple:
        """The classes of its layers and their windows, whatever the widths."""
        return tuple(
            (
                type(layer).__name__,
                *(tuple(v.shape[:-2]) for v in layer.weights),
            )
            for layer in self.layers
        )

    @property
    def kernels(self) -> int:
        """How many of its layers have a kernel: a matrix at least."""
        return sum(
            any(len(v.shape) > 1 for v in layer.weights)
            for layer in self.layers
        )

    @property
    def residual(self) -> bool:
        """Whether two tensors are added in it."""
        return any(
            type(call.operation).__name__ == "Add" and len(call.inputs) > 1
            for call in self.calls
        )


@dataclasses.dataclass(frozen=True)
class Run:
    """Blocks one after another, any of which may be left out.

    Args:
        lead: what comes before them and stays, since the run before.
        blocks: in order.
    """

    lead: tuple[Block, ...]
    blocks: tuple[Block, ...]


@dataclasses.dataclass(frozen=True)
class Chain:
    """All of a graph: runs of blocks, and what stays behind the last.

    Args:
        graph: whose cuts begin with its input and end with its output.
        runs: in order; none where nothing can be left out.
        tail: what comes behind the last run.
    """

    graph: Graph
    runs: tuple[Run, ...]
    tail: tuple[Block, ...]

    @property
    def blocks(self) -> list[Block]:
        """What can be left out, of all runs."""
        return [block for run in self.runs for block in run.blocks]

    @property
    def fixed(self) -> list[Block]:
        """What stays: it leads to the runs, or comes behind them."""
        return [block for run in self.runs for block in run.lead] + [*self.tail]

    @property
    def count(self) -> int:
        """How many blocks there are.

        What stays is one of them where it is as deep as they are: the block
        that halves an image, but not a convolution that does.
        """
        stays = sum(block.kernels for block in self.fixed)
        least = min((block.kernels for block in self.blocks), default=1)
        return len(self.blocks) + (stays >= least)

    def kept(self, count: int) -> list[int]:
        """Returns which of `blocks` stay where `count` blocks do."""
        stays = self.count - len(self.blocks)
        numbers = chosen(count, self.count)
        return [number - 1 for number in numbers[1:]] if stays else numbers


def chain(graph: Graph) -> Chain:
    """Finds the blocks of a graph.

    A block has one segment with kernels, which is residual or of the kind of
    another beside it: a gate or a lone depthwise convolution is not left out.
    Of the segments without kernels (BatchNorm, ReLU) between two, as many
    belong to the later one as make the most blocks alike: none where
    activations come last, all where they come first. Where unlike blocks
    alternate (attention, MLP, attention, …), a block is a whole period.
    """
    segments = _segments(graph)
    runs, reached = [], 0
    for heavy, first, past in _repeated(graph, segments):
        bounds = _bounds(segments, heavy, first, past)
        lead = tuple(segments[reached : bounds[0][0]])
        found = tuple(_joined(segments[a:b]) for a, b in bounds)
        runs.append(Run(lead, found))
        reached = bounds[-1][1]
    return Chain(graph, tuple(runs), tuple(segments[reached:]))


def of(section: keras.Model) -> Chain:
    """Returns the blocks of a section, or of any model of one input."""
    return chain(read_graph(section))


def chosen(ours: int, theirs: int) -> list[int]:
    """Returns which of a teacher's blocks a student keeps or starts from.

    Spread evenly, the first and the last among them: block j of n is block
    round(j·(N − 1)/(n − 1)) of N, counted from 0.

    Args:
        ours: n, the student's blocks.
        theirs: N, the teacher's.
    """
    return [round(j * (theirs - 1) / max(1, ours - 1)) for j in range(ours)]


def _segments(graph) -> list[Block]:
    """Returns what is between each two cuts."""
    return [
        Block(start, end, graph.between((start,), (end,)))
        for start, end in itertools.pairwise(graph.cuts)
    ]


def _repeated(graph, segments) -> Iterator[tuple[list[int], int, int]]:
    """Yields segments with kernels that repeat, and what is about them.

    Those of one shape, one after another; with the first segment behind the
    last other one with kernels, and with the next other, or of another shape.
    """
    for first, past in _alike(graph, segments):
        heavy = [k for k in range(first, past) if segments[k].kernels]
        led = [k for k in [first - 1] if k >= 0 and segments[k].kernels]
        kinds = collections.Counter(segments[k].kinds for k in led + heavy)
        together = []
        for k in [*heavy, past]:
            if k < past and (
                segments[k].residual or kinds[segments[k].kinds] > 1
            ):
                together.append(k)
                continue
            if together:
                yield together, first, k
            together, first = [], k + 1


def _alike(graph, segments) -> Iterator[tuple[int, int]]:
    """Yields (first, past): segments between cuts of one shape."""
    form = [
        (graph.tensors[number].shape, graph.tensors[number].dtype)
        for number in graph.cuts
    ]
    first = 0
    for place in range(1, len(form) + 1):
        if place == len(form) or form[place] != form[first]:
            if place - 1 > first:
                yield first, place - 1
            first = place


def _bounds(segments, heavy, first, past) -> list[tuple[int, int]]:
    """Returns (first, past) of each block, of segments of one shape."""
    # Segments without kernels before each, since the last with one.
    gaps = [k - last - 1 for last, k in itertools.pairwise([first - 1, *heavy])]
    best = max(
        (_aligned(heavy, gaps, early, past) for early in range(max(gaps) + 1)),
        key=lambda bounds: _score(segments, bounds, past),
    )
    period = _period([_joined(segments[a:b]).form for a, b in best])
    return [
        (best[i][0], best[i + period - 1][1])
        for i in range(0, len(best), period)
    ]


def _aligned(heavy, gaps, early, past):
    """Returns blocks that begin `early` segments before one with kernels."""
    starts = [k - min(early, gap) for k, gap in zip(heavy, gaps, strict=True)]
    # What follows all others follows the last, as far as it is there.
    late = max(0, min(gaps[1:] or gaps) - early)
    return list(
        zip(starts, [*starts[1:], min(past, heavy[-1] + 1 + late)], strict=True)
    )


def _score(segments, bounds, past):
    """Of blocks: those that have their like, less what is left behind them."""
    forms = [_joined(segments[a:b]).form for a, b in bounds]
    alike = sum(forms.count(form) > 1 for form in forms)
    return alike, bounds[-1][1] - past


def _period(forms):
    """Returns after how many blocks they repeat, 1 where they do not."""
    for period in range(1, len(forms) // 2 + 1):
        if len(forms) % period == 0 and forms == forms[:period] * (
            len(forms) // period
        ):
            return period
    return 1


def _joined(segments: Sequence[Block]) -> Block:
    calls = tuple(call for segment in segments for call in segment.calls)
    return Block(segments[0].start, segments[-1].end, calls)
