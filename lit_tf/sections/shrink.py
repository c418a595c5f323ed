"""`shrink`: builds a student that is its teacher with fewer blocks."""

import warnings
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from lit_tf import config, errors
from lit_tf.sections import (
    copying,
    cost,
    initial_weights,
    sectioned_model,
    split,
    structure,
)
from lit_tf.sections.blocks import find_blocks
from lit_tf.sections.functional import build_part
from lit_tf.sections.plan import plan
from lit_tf.sections.sectioned_model import SectionedModel

_RUNS = 50  # Timed calls of each student whose latency is measured.


def shrink(
    teacher: keras.Model,
    *,
    keep: int | Sequence[int] = (),
    compression: float = 0.0,
    of: str = "flops",
    init: str = "fresh",
) -> SectionedModel:
    """Builds a student that is its teacher with fewer blocks.

    The representations of teacher and student have the same shapes. Blocks are
    left out evenly: block j of the n that a section keeps is block
    round(j·(N − 1)/(n − 1)) of the teacher's N, counted from 0.

    Example:
    ```python
    import keras

    import lit_tf

    teacher = lit_tf.logits(keras.applications.ResNet50(weights=None))
    student = lit_tf.shrink(teacher, keep=(2, 2, 3, 2))
    half = lit_tf.shrink(teacher, compression=2)
    ```

    Args:
        teacher: a model with sections. Any other functional or sequential model
            is first cut where `plan` suggests.
        keep: number of blocks that each section keeps, from 1 to all; an
            integer for a single section.
        compression: cost of the teacher divided by the highest allowed cost of
            the student, > 1; an alternative to `keep`. Every section keeps
            about the same share of its blocks, and together they keep as many
            as the cost allows.
        of: the cost that `compression` reduces: "flops", "parameters" or
            "latency", which is measured here on a batch of 1. A warning names
            operations whose FLOPs cannot be counted.
        init: initial weights: "fresh", or "teacher_blocks" for those of the
            teacher's stem, head and kept blocks.

    Returns:
        A `SectionedModel` with its own weights, all layers of which are
        trainable. Its layers have the names of the teacher's, and
        `facts["blocks"]` is the number of blocks that each section keeps.

    Raises:
        SettingsError: if no block can be left out; `compression` cannot be
            reached, in which case the message states the highest possible one;
            both or neither of `keep` and `compression` are passed; or one of
            them is out of range.
    """
    config.check_one_of(config.INITS, init=init)
    config.check_one_of(config.COMPRESSION_OF, of=of)
    keep = (keep,) if isinstance(keep, int) else tuple(keep)
    errors.require(
        bool(keep) != bool(compression),
        "Pass either `keep` or `compression`.",
        keep=keep,
        compression=compression,
    )
    teacher = with_sections(teacher)
    chains = [find_blocks(section) for section in teacher.sections]
    if keep:
        _check_keep(chains, keep)
    else:
        keep = _reaching(teacher, chains, compression, of)
    # All layers of a new student are trained, also those that are frozen in
    # the teacher.
    student = copying.copy_model(
        _without(teacher, chains, keep), thaw=True, weights=False
    )
    if init == "teacher_blocks":
        initial_weights.copy_blocks(teacher, student)
        initial_weights.copy_ends(teacher, student)
    return student


def with_sections(
    model: keras.Model, cuts: Sequence[str] = ()
) -> SectionedModel:
    """Returns a model with sections; a model without sections is cut.

    Args:
        model: functional or sequential.
        cuts: names of layers, as in `split`; where `plan` suggests by default.

    Raises:
        SettingsError: if the model cannot be cut at `cuts`, or `plan` finds no
            cuts.
    """
    if not cuts:
        if isinstance(model, SectionedModel):
            return model
        suggestion = plan(model)
        cuts = suggestion.cuts
        errors.require(
            bool(cuts),
            "Only a model that repeats blocks can be made shallower. "
            f"{suggestion.note}",
            model=model.name,
        )
    return split.split(model, cuts)


def _check_keep(chains, keep):
    counts = [chain.count for chain in chains]
    errors.require(
        len(keep) == len(chains)
        and all(
            1 <= n <= max(1, count)
            for n, count in zip(keep, counts, strict=True)
        ),
        "`keep` must have one number for each section, at least 1 and at most "
        f"its number of blocks: {', '.join(map(str, counts))}.",
        keep=tuple(keep),
    )


def _reaching(teacher, chains, compression, of):
    """Returns how many blocks each section keeps to reach a compression.

    Raises:
        SettingsError: if it cannot be reached.
    """
    errors.require(
        compression > 1, "`compression` must be > 1.", compression=compression
    )
    counts = [chain.count for chain in chains]
    cost_of = _COSTS[of](teacher, chains)
    most, choices = cost_of(counts), _falling(counts)
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
        raise errors.SettingsError(
            f"`compression` of {of} can be {reached:.2f} at most for "
            f"{teacher.name}, because each section must keep one block. "
            f"Received: compression={compression}."
        )
    return choices[low]


def _falling(counts):
    """Returns choices of `keep`, each with one block less than the one before.

    The share of blocks that all sections keep decreases: a section goes from n
    to n − 1 of its N blocks when the share passes (n − ½)/N. If several
    sections do so at once, the last one is first.
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


def _additive(
    value: Callable[[keras.Model], int],
) -> Callable[..., Callable[[Sequence[int]], int]]:
    """Returns a cost function that adds the costs of the parts of a model."""

    def additive_cost(teacher, chains):
        fixed = sum(value(part) for part in sectioned_model.parts_of(teacher))
        known, by_section = {}, []
        for chain in chains:
            costs = []
            for block in chain.blocks:
                key = chain.graph.tensors[block.start].shape, block.form
                if key not in known:
                    known[key] = value(
                        build_part(
                            chain.graph, (block.start,), block.end, name="block"
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

    return additive_cost


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
            "student": function(_without(teacher, chains, keep)),
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

    function = _additive(flops)(teacher, chains)
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
    "parameters": _additive(cost.parameters),
    "latency": _measured,
}


def _without(teacher, chains, keep):
    """Returns a student that shares its layers with the teacher."""
    sections = []
    for section, chain, n in zip(teacher.sections, chains, keep, strict=True):
        kept = set(chain.kept(n))
        left_out = {
            block.end: block.start
            for number, block in enumerate(chain.blocks)
            if number not in kept
        }
        graph = chain.graph.bypassing(left_out)
        sections.append(
            build_part(
                graph,
                graph.inputs,
                graph.outputs,
                name=section.name,
                # BatchNorm of new blocks learns its statistics.
                always_inference=False,
            )
        )
    return SectionedModel(
        teacher.stem,
        sections,
        teacher.head,
        name=f"{teacher.name}_{'_'.join(map(str, keep))}",
        facts={"blocks": list(keep)},
    )
