"""The trunk of a model whose blocks count: `find_blocks`."""

import itertools

import keras

from lit_tf.sections.blocks import find_blocks_in_trunk
from lit_tf.sections.chain import Chain
from lit_tf.sections.functional import read_graph
from lit_tf.sections.graph import Graph
from lit_tf.sections.trunk import Trunk, find_trunks, shortened


def find_blocks(model: keras.Model) -> Chain:
    """Finds the blocks of a part of a model, such as a section.

    Args:
        model: functional or sequential. Its first input is a representation;
            any others are context.
    """
    graph = read_graph(model)
    if len(graph.inputs) == 1:
        return _best(find_trunks(graph, graph.inputs))
    return find_blocks_in_trunk(shortened(Trunk(graph, graph.inputs[0])))


def find_blocks_in_graph(graph: Graph) -> Chain:
    """Finds the blocks of the graph of a whole model.

    Args:
        graph: a graph with any number of inputs.
    """
    return _best(find_trunks(graph))


def _best(trunks):
    """Returns the chain with the most calls in rows of several blocks.

    The first one, without context, is preferred to others with few calls more,
    and to those whose rows are a small part of the graph. Its rows count if
    none of their blocks has more than half of all calls: such a block has
    blocks of its own.
    """
    first, *others = map(find_blocks_in_trunk, trunks)
    best = max(others, key=_calls_in_equal_rows, default=first)
    calls = len(first.graph.calls)
    rows = [
        row
        for row in first.rows
        if all(2 * len(block.calls) <= calls for block in row.blocks)
    ]
    least = max(2 * _calls_in_rows(rows), calls / 8)
    return best if _calls_in_equal_rows(best) > least else first


def _calls_in_equal_rows(chain):
    """Returns the calls in rows of equal blocks, not of parts of one block.

    The last block of a row may be a part of the others.
    """
    return _calls_in_rows(
        [row for row in chain.rows if _equal([b.form for b in row.blocks])]
    )


def _equal(forms):
    first, last = forms[0], forms[-1]
    repeats = len(forms) > 2 and last == first[: len(last)]
    return {*forms[:-1]} == {first} and (repeats or last == first)


def _calls_in_rows(rows):
    repeated = [row.blocks for row in rows if len(row.blocks) > 1]
    return sum(map(_calls_behind_start, itertools.chain(*repeated)))


def _calls_behind_start(block):
    """Returns the number of calls that depend on what a block reads."""
    reached, count = {block.start}, 0
    for call in block.calls:
        if not reached.isdisjoint(call.inputs):
            reached.update(call.outputs)
            count += 1
    return count
