"""`shrink`: a student that is its teacher with fewer blocks."""

import warnings
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from lit_tf import config, errors
from lit_tf.sections import blocks, compatibility, cost, split
from lit_tf.sections.graph import build
from lit_tf.sections.plan import plan
from lit_tf.sections.sectioned_model import SectionedModel

_RUNS = 50  # Timed calls of a student whose latency is to be known.


def shrink(
    teacher: keras.Model,
    *,
    keep: Sequence[int] = (),
    compression: float = 0.0,
    of: str = "flops",
    init: str = "fresh",
) -> SectionedModel:
    """Builds a student of fewer blocks; its shapes agree by construction.

    Blocks are left out evenly: block j of the n that a section keeps is the
    teacher's block round(j·(N − 1)/(n − 1)).

    Args:
        teacher: a model with sections; any other is first cut as `plan` says.
        keep: how many blocks each section keeps, at least 1 and at most all.
        compression: instead, how many times less the student must cost, > 1.
            Every section keeps about the same share of its blocks, and all
            together as many as they can.
        of: what is to be less: "flops", "parameters" or, measured here and
            now on a batch of 1, "latency".
        init: "fresh" weights, or those of the blocks that are kept
            ("teacher_blocks"), stem and head included.

    Returns:
        A model with weights of its own. Its layers have the teacher's names.

    Raises:
        SettingsError: nothing can be left out, or not as much, in which case
            the message says how much; `keep` and `compression` are both given,
            or neither; or one of them is out of range.
    """
    config.check_one_of(config.INITS, init=init)
    config.check_one_of(config.COMPRESSION_OF, of=of)
    errors.require(
        bool(keep) != bool(compression),
        "One of `keep` and `compression` must be given.",
        keep=tuple(keep),
        compression=compression,
    )
    teacher = with_sections(teacher)
    chains = [blocks.of(section) for section in teacher.sections]
    if keep:
        _check_keep(chains, keep)
    else:
        keep = _reaching(teacher, chains, compression, of)
    student = _renewed(_without(teacher, chains, keep))
    if init == "teacher_blocks":
        compatibility.copy_blocks(teacher, student)
        compatibility.copy_ends(teacher, student)
    return student


def with_sections(
    model: keras.Model, cuts: Sequence[str] = ()
) -> SectionedModel:
    """Returns a model that has sections, where it has none by cutting it.

    Args:
        model: functional or sequential.
        cuts: where (`split`); by default where `plan` finds it best.

    Raises:
        SettingsError: it cannot be cut there, or nowhere.
    """
    if not cuts:
        if isinstance(model, SectionedModel):
            return model
        found = plan(model)
        cuts = found.cuts
        errors.require(
            bool(cuts),
            f"A model must repeat blocks to be made shallower. {found.note}",
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
        "`keep` must have a number for each section, at least 1 and at most "
        f"its blocks: {', '.join(map(str, counts))}.",
        keep=tuple(keep),
    )


def _reaching(teacher, chains, compression, of):
    """Returns how many blocks each section keeps for a cost.

    Raises:
        SettingsError: it is not to be had.
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
    # More blocks cost more, so that the first choice that is cheap enough can
    # be sought by halves; which matters where each is measured.
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
            f"{teacher.name}, whose sections keep a block each. Received: "
            f"compression={compression}."
        )
    return choices[low]


def _falling(counts):
    """Returns what sections can keep, a block less each time, evenly.

    As if the share that all keep fell: a section goes from n to n − 1 of N
    blocks where it passes (n − ½)/N, of several the last section first.
    """
    steps = sorted(
        ((n - 0.5) / count, k)
        for k, count in enumerate(counts)
        for n in range(2, count + 1)
    )
    keep, found = list(counts), []
    for _, k in reversed(steps):
        keep[k] -= 1
        found.append(tuple(keep))
    return found


def _additive(
    value: Callable[[keras.Model], int],
) -> Callable[..., Callable[[Sequence[int]], int]]:
    """Returns a cost that is the sum of what parts cost by themselves."""

    def additive_cost(teacher, chains):
        fixed = sum(value(part) for part in _parts(teacher))
        known, each = {}, []
        for chain in chains:
            costs = []
            for block in chain.blocks:
                key = chain.graph.tensors[block.start].shape, block.form
                if key not in known:
                    known[key] = value(
                        build(
                            chain.graph, (block.start,), block.end, name="block"
                        )
                    )
                costs.append(known[key])
            fixed -= sum(costs)
            each.append(costs)

        def cost_of(keep):
            return fixed + sum(
                costs[number]
                for chain, costs, n in zip(chains, each, keep, strict=True)
                for number in chain.kept(n)
            )

        return cost_of

    return additive_cost


def _measured(teacher, chains):
    """Returns a cost that is measured, as a fraction of the teacher's."""
    shapes = [tensor.shape[1:] for tensor in teacher.inputs]
    _require_known(teacher)
    batch = [
        tf.zeros([1, *shape], tensor.dtype)
        for shape, tensor in zip(shapes, teacher.inputs, strict=True)
    ]

    def function(model):
        return tf.function(
            lambda *x: model(x[0] if len(x) == 1 else list(x), training=False)
        )

    theirs = function(teacher)

    def cost_of(keep):
        ours = function(_without(teacher, chains, keep))
        times = cost.medians_ms(
            {"teacher": theirs, "student": ours}, batch, runs=_RUNS
        )
        return times["student"] / times["teacher"]

    return cost_of


def _flops_cost(teacher, chains):
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
            "A cost can be told of a model whose input shape is known. Build "
            "it with one, or say how many `parameters` less there are to be.",
            input_shape=tuple(tensor.shape[1:]),
        )


_COSTS = {
    "flops": _flops_cost,
    "parameters": _additive(cost.parameters),
    "latency": _measured,
}


def _without(teacher, chains, keep):
    """Returns a student that still shares its teacher's layers."""
    sections = []
    for section, chain, n in zip(teacher.sections, chains, keep, strict=True):
        kept = set(chain.kept(n))
        detours = {
            block.end: block.start
            for number, block in enumerate(chain.blocks)
            if number not in kept
        }
        graph = chain.graph.bypassing(detours)
        sections.append(
            build(graph, graph.inputs, graph.outputs, name=section.name)
        )
    return SectionedModel(
        teacher.stem,
        sections,
        teacher.head,
        name=f"{teacher.name}_{'_'.join(map(str, keep))}",
        facts={"blocks": list(keep)},
    )


def _renewed(model):
    """Returns a model as new, with weights of its own."""
    config = keras.saving.serialize_keras_object(model)
    config.pop("compile_config", None)
    return keras.saving.deserialize_keras_object(config)


def _parts(model):
    return [model.stem, *model.sections, model.head]
