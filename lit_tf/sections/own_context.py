"""What a block alone computes from context: `own_calls`.

In a network with a condition, such as the step of a diffusion model, each block
has a dense layer that turns the condition into its scales. This layer does not
depend on the representation, but it belongs to its block.
"""

import collections
from collections.abc import Iterable, Sequence

import keras

from lit_tf.sections.graph import Call
from lit_tf.sections.trunk import Trunk


def own_calls(
    trunk: Trunk, blocks: Sequence[Iterable[Call]]
) -> list[tuple[Call, ...]]:
    """Returns the layers on context whose results one block alone reads.

    They have weights, or follow a layer of the block that has. What has no
    weights, such as a padding mask, stays context, and so do layers that are
    called several times.

    Args:
        trunk: the trunk of a graph.
        blocks: the calls of each block, all of them calls of the trunk.

    Returns:
        For each block calls outside of the trunk, in order.
    """
    graph = trunk.graph
    block_of = {
        call.outputs: k for k, calls in enumerate(blocks) for call in calls
    }
    uses = collections.Counter(
        id(v) for call in graph.calls for v in call.weights
    )
    # The one block that reads a tensor; None if something else reads it, too.
    reader = dict.fromkeys(keras.tree.flatten(graph.outputs))
    alone = {}
    for call in reversed(graph.calls):
        block = block_of.get(call.outputs)
        if block is None and trunk.tensors.isdisjoint(call.outputs):
            readers = {reader[n] for n in call.outputs if n in reader}
            shared = any(uses[id(v)] > 1 for v in call.weights)
            if len(readers) == 1 and not shared:
                (block,) = readers
            alone[call.outputs] = block
        for number in call.inputs:
            same = reader.setdefault(number, block) == block
            reader[number] = block if same else None
    own = [[] for _ in blocks]
    computed = set()
    for call in graph.calls:
        block = alone.get(call.outputs)
        if block is not None and (
            call.weights or not computed.isdisjoint(call.inputs)
        ):
            own[block].append(call)
            computed.update(call.outputs)
    return list(map(tuple, own))
