"""The blocks of a trunk: `Block`, `BlockRow` and `Chain`."""

import dataclasses
import functools
from collections.abc import Iterable

import keras

from lit_tf.sections.graph import Call, Graph
from lit_tf.sections.own_context import own_calls
from lit_tf.sections.trunk import Trunk


@dataclasses.dataclass(frozen=True)
class Block:
    """Consecutive calls from one cut to another.

    Args:
        start: number of the tensor that it reads.
        end: number of the tensor that it computes. If the block can be left
            out, both have the same shape.
        calls: calls between the two, without those that compute context; those
            that compute it for this block alone follow from `Chain.calls_of`.
    """

    start: int
    end: int
    calls: tuple[Call, ...]

    @functools.cached_property
    def form(self) -> tuple:
        """The forms of its calls; equal for two blocks of the same layers."""
        return tuple(call.form for call in self.calls)

    @property
    def kinds(self) -> tuple:
        """The classes and the kernel windows of its layers, without widths."""
        return tuple(
            (
                type(layer).__name__,
                *(tuple(v.shape[:-2]) for v in layer.weights),
            )
            for layer in layers_of(self.calls)
        )

    @property
    def kernels(self) -> int:
        """The number of its layers with a kernel: at least a matrix.

        The table of an embedding is not a kernel.
        """
        return sum(
            any(len(v.shape) > 1 for v in layer.weights)
            for layer in layers_of(self.calls)
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

    @property
    def rest(self) -> list[Call]:
        """The calls that stay, whichever blocks are left out."""
        of_blocks = {
            call.outputs
            for block in self.blocks
            for call in self.calls_of(block)
        }
        return [c for c in self.graph.calls if c.outputs not in of_blocks]

    def calls_of(self, block: Block) -> list[Call]:
        """Returns all calls that a model loses without a block.

        Args:
            block: one of `blocks`.

        Returns:
            Its own calls on context (`own_context`), then those of the trunk.
        """
        return [*self._own[block.end], *block.calls]

    @functools.cached_property
    def _own(self):
        """What each block alone computes from context, by the block's end."""
        calls = [block.calls for block in self.blocks]
        own = own_calls(self.trunk, calls, towers=True)
        return dict(zip((b.end for b in self.blocks), own, strict=True))


def evenly_spaced(count: int, total: int) -> list[int]:
    """Returns which of a teacher's blocks a student keeps or starts from.

    They are spread evenly and include the first and the last, or the first one
    alone: block j of n is block round(j·(N − 1)/(n − 1)) of N, counted from 0.

    Args:
        count: n, the number of blocks of the student.
        total: N, the number of blocks of the teacher.
    """
    return [round(j * (total - 1) / max(1, count - 1)) for j in range(count)]


def layers_of(calls: Iterable[Call]) -> list[keras.layers.Layer]:
    """Returns the layers with weights that are called, each once."""
    layers = (call.operation for call in calls if call.weights)
    return list(dict.fromkeys(layers))
