"""What a block alone computes from context: `own_calls`.

In a network with a condition, such as the step of a diffusion model, each block
has a dense layer that turns the condition into its scales. This layer does not
depend on the representation, but it belongs to its block.
"""

import collections
import itertools
from collections.abc import Iterable, Sequence

import keras

from lit_tf.sections.graph import Call
from lit_tf.sections.trunk import Trunk


def own_calls(
    trunk: Trunk, blocks: Sequence[Iterable[Call]], *, towers: bool
) -> list[tuple[Call, ...]]:
    """Returns the calls on context whose results one block alone reads.

    They have weights, follow a call of the block that has, or lead to such
    calls alone. Others, such as those that reshape a padding mask, stay context
    like the mask itself. So do layers that are called several times.

    Args:
        trunk: the trunk of a graph.
        blocks: the calls of each block, all of them calls of the trunk.
        towers: whether calls belong to a block even if nothing else reads what
            they begin with, as in a tower from an input of its own.

    Returns:
        For each block calls outside of the trunk, in the order of the graph.
    """
    readers = _readers(trunk.graph)
    by_block = [[] for _ in blocks]
    for call, block in _read_by_one(trunk, blocks, readers):
        by_block[block].append(call)
    if not towers:
        by_block = [
            _without_towers(calls, block, readers)
            for calls, block in zip(by_block, blocks, strict=True)
        ]
    return [_with_weights(calls, readers) for calls in by_block]


def _readers(graph):
    """Returns the outputs of the calls that read a tensor, by tensor.

    The tensors that a model returns are read by None as well.
    """
    readers = collections.defaultdict(set)
    for call in graph.calls:
        for number in call.inputs:
            readers[number].add(call.outputs)
    for number in keras.tree.flatten(graph.outputs):
        readers[number].add(None)
    return readers


def _read_by_one(trunk, blocks, readers):
    """Returns (call, number of the block) for calls that one block reads."""
    graph = trunk.graph
    uses = collections.Counter(
        id(weight) for call in graph.calls for weight in call.weights
    )
    block_of = {
        call.outputs: k for k, calls in enumerate(blocks) for call in calls
    }
    found = []
    for call in reversed(graph.calls):
        if not trunk.tensors.isdisjoint(call.outputs):
            continue
        reading = {
            block_of.get(reader)
            for number in call.outputs
            for reader in readers[number]
        }
        several = any(uses[id(weight)] > 1 for weight in call.weights)
        if len(reading) == 1 and None not in reading and not several:
            (block,) = reading
            block_of[call.outputs] = block
            found.append((call, block))
    return found[::-1]


def _without_towers(calls, block, readers):
    """Returns the calls that depend on a tensor that others read as well."""
    computed = {number for call in calls for number in call.outputs}
    own = {call.outputs for call in itertools.chain(calls, block)}
    depending, found = set(), []
    for call in calls:
        if any(
            number in depending
            or (number not in computed and not readers[number] <= own)
            for number in call.inputs
        ):
            depending.update(call.outputs)
            found.append(call)
    return found


def _with_weights(calls, readers):
    """Returns calls with weights, and those between them and the block."""
    computed, chosen = set(), set()
    for call in calls:
        if call.weights or not computed.isdisjoint(call.inputs):
            computed.update(call.outputs)
            chosen.add(call.outputs)
    for call in reversed(calls):
        reading = {r for number in call.outputs for r in readers[number]}
        if reading <= chosen:
            chosen.add(call.outputs)
    return tuple(call for call in calls if call.outputs in chosen)
