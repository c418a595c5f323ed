"""The blocks that a network repeats, found in its graph.

The cuts of a trunk (`Trunk.cuts`) divide it into segments. A segment between
two tensors of one shape can be left out. Such a segment and the normalizations
and activations that belong to it are a block.
"""

import itertools
from collections.abc import Iterator, Sequence

from lit_tf.sections.chain import Block, BlockRow, Chain
from lit_tf.sections.trunk import Trunk


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
