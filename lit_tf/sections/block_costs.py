"""`cheapest_enough`: how many blocks a student keeps for its cost."""

import math
import warnings
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from lit_tf import errors
from lit_tf.sections import cost, sectioned_model, structure
from lit_tf.sections.chain import Chain
from lit_tf.sections.kept_blocks import without
from lit_tf.sections.parts import build_part
from lit_tf.sections.sectioned_model import SectionedModel

_RUNS = 50  # Timed calls of each student whose latency is measured.


def cheapest_enough(
    teacher: SectionedModel,
    chains: Sequence[Chain],
    compression: float,
    of: str,
) -> tuple[int, ...]:
    """Returns how many blocks each section keeps to reach a compression.

    Args:
        teacher: a model with sections.
        chains: the blocks of each section.
        compression: cost of the teacher divided by the highest allowed cost of
            the student, > 1.
        of: the cost: "flops", "parameters" or "latency".

    Raises:
        SettingsError: if it cannot be reached.
    """
    errors.require(
        compression > 1, "`compression` must be > 1.", compression=compression
    )
    counts = [chain.count for chain in chains]
    cost_of = _COSTS[of](teacher, chains)
    most, choices = cost_of(counts), falling_choices(counts)
    if not most:
        raise errors.SettingsError(
            f"The {of} of {teacher.name} cannot be counted. Choose another "
            "cost: parameters or latency."
        )
    # Fewer blocks cost less, so a binary search finds the first choice that is
    # cheap enough. That saves time if each cost is measured.
    low, high = 0, len(choices)
    while low < high:
        middle = (low + high) // 2
        if cost_of(choices[middle]) <= most / compression:
            high = middle
        else:
            low = middle + 1
    if low == len(choices):
        reached = most / cost_of(choices[-1]) if choices else 1.0
        reason = "each section must keep one block"
        if choices and reached == 1:
            reason = "its blocks share their weights"
        raise errors.SettingsError(
            f"`compression` of {of} can be {reached:.2f} at most for "
            f"{teacher.name}, because {reason}. "
            f"Received: compression={compression}."
        )
    return choices[low]


def falling_choices(counts: Sequence[int]) -> list[tuple[int, ...]]:
    """Returns choices of `keep`, each with one block less than the one before.

    The share of blocks that all sections keep decreases: a section goes from n
    to n − 1 of its N blocks when the share passes (n − ½)/N. If several
    sections do so at once, the last one is first.

    Args:
        counts: the number of blocks of each section.
    """
    steps = sorted(
        ((n - 0.5) / count, k)
        for k, count in enumerate(counts)
        for n in range(2, count + 1)
    )
    keep, choices = list(counts), []
    for _, k in reversed(steps):
        keep[k] -= 1
        choices.append(tuple(keep))
    return choices


def additive_cost(
    value: Callable[[keras.Model], int],
) -> Callable[..., Callable[[Sequence[int]], int]]:
    """Returns a cost function that adds the costs of calls.

    Args:
        value: the cost of a part.

    Returns:
        A function of a model with sections and of the blocks of each section.
        It returns a function of the number of blocks that each section keeps,
        whose value is the cost of that student.
    """

    def of_model(teacher, chains):
        fixed = sum(value(part) for part in sectioned_model.parts_of(teacher))
        known, by_section = {}, []
        for chain in chains:
            costs = []
            for block in chain.blocks:
                calls = chain.calls_of(block)
                context = chain.trunk.context(block.start, calls)
                tensors = chain.graph.tensors
                key = (
                    *(tensors[n].shape for n in (block.start, *context)),
                    *(call.form for call in calls),
                )
                if key not in known:
                    known[key] = value(
                        build_part(
                            chain.graph,
                            (block.start, *context),
                            block.end,
                            name="block",
                        )
                    )
                costs.append(known[key])
            fixed -= sum(costs)
            by_section.append(costs)

        def cost_of(keep):
            return fixed + sum(
                costs[number]
                for chain, costs, n in zip(
                    chains, by_section, keep, strict=True
                )
                for number in chain.kept(n)
            )

        return cost_of

    return of_model


def parameters_cost(
    teacher: SectionedModel, chains: Sequence[Chain]
) -> Callable[[Sequence[int]], int]:
    """Returns a function that counts the weights of a student.

    Blocks may share layers. A weight counts as long as one block that has it,
    or another part of the model, is kept.

    Args:
        teacher: a model with sections.
        chains: the blocks of each section.

    Returns:
        A function of the number of blocks that each section keeps.
    """
    sizes = {id(v): math.prod(v.shape) for v in teacher.weights}
    ends = {
        id(v) for part in (teacher.stem, teacher.head) for v in part.weights
    }
    fixed, by_section = ends, []
    for chain in chains:
        fixed |= _weights(chain.rest)
        by_section.append(
            [_weights(chain.calls_of(block)) for block in chain.blocks]
        )

    def cost_of(keep):
        kept = fixed.union(
            *(
                weights[number]
                for chain, weights, n in zip(
                    chains, by_section, keep, strict=True
                )
                for number in chain.kept(n)
            )
        )
        return sum(sizes[weight] for weight in kept)

    return cost_of


def _weights(calls):
    """Returns the weights of the layers that are called, by identity."""
    return {id(weight) for call in calls for weight in call.weights}


def _measured(teacher, chains):
    """Returns a cost function that measures the latency, teacher = 1."""
    shapes = [tensor.shape[1:] for tensor in teacher.inputs]
    _require_known(teacher)
    batch = [
        tf.zeros([1, *shape], tensor.dtype)
        for shape, tensor in zip(shapes, teacher.inputs, strict=True)
    ]

    def function(model):
        return tf.function(
            lambda *x: model(structure.pack_inputs(model, x), training=False)
        )

    teacher_function = function(teacher)

    def cost_of(keep):
        functions = {
            "teacher": teacher_function,
            "student": function(without(teacher, chains, keep)),
        }
        times = cost.medians_ms(functions, batch, runs=_RUNS)
        return times["student"] / times["teacher"]

    return cost_of


def _flops_cost(teacher, chains):
    """Returns a cost function of FLOPs; warns of what it cannot count."""
    uncounted = set()

    def flops(part):
        _require_known(part)
        counted = cost.count_flops(part)
        uncounted.update(counted.uncounted)
        return counted.flops

    function = additive_cost(flops)(teacher, chains)
    if uncounted:
        warnings.warn(cost.note(uncounted), stacklevel=4)
    return function


def _require_known(model):
    for tensor in model.inputs:
        errors.require(
            None not in tensor.shape[1:],
            "FLOPs and latency need a model whose input shape is known. Build "
            "it with a fixed shape, or compress its `parameters`.",
            input_shape=tuple(tensor.shape[1:]),
        )


_COSTS = {
    "flops": _flops_cost,
    "parameters": parameters_cost,
    "latency": _measured,
}
