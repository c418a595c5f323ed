"""`split`: cuts a functional or sequential model into sections."""

import difflib
import itertools
from collections.abc import Sequence
from typing import Any

import keras

from lit_tf import errors
from lit_tf.sections.functional import build_part, read_graph
from lit_tf.sections.graph import shared_layers
from lit_tf.sections.sectioned_model import SectionedModel


def split(model: keras.Model, cuts: Sequence[str] | Any) -> SectionedModel:
    """Cuts a model into a stem, sections and a head.

    The result computes exactly the same outputs as the model and shares its
    weights: training one changes the other.

    Example:
    ```python
    import keras

    import lit_tf

    model = lit_tf.logits(keras.applications.ResNet50(weights=None))
    cuts = ["pool1_pool", "conv3_block4_out", "conv5_block3_out"]
    sectioned = lit_tf.split(model, cuts)
    print(len(sectioned.sections))  # 2
    ```

    Args:
        model: functional or sequential, with any number of inputs and outputs.
            Nested models are opened.
        cuts: a `Plan`, or names of at least two layers, in order. The output of
            the first is representation 0, after the stem; the output of the
            last is representation K, before the head. The path
            "block/sub/layer" names a layer in nested models, "layer:2" the
            second call of a layer that is called several times.

    Returns:
        A `SectionedModel` with K = len(cuts) − 1 sections.

    Raises:
        SettingsError: if the model is subclassed, so that its graph is unknown;
            a layer does not exist; another tensor passes next to a cut, in
            which case the message lists these tensors and the nearest possible
            cuts; the cuts are out of order or fewer than two; a layer is called
            on both sides of a cut, or keeps a state between batches.
    """
    graph = read_graph(model)
    note = getattr(cuts, "note", "")
    errors.require(not note, note, model=model.name)
    cuts = getattr(cuts, "cuts", cuts)
    numbers = [_number(graph, name) for name in cuts]
    errors.require(
        len(cuts) >= 2,
        "`cuts` must name at least two layers: the last one of the stem, and "
        "the last one before the head.",
        cuts=tuple(cuts),
    )
    for number in numbers:
        _check(graph, number)
    for one, other in itertools.pairwise(numbers):
        errors.require(
            graph.cuts.index(one) < graph.cuts.index(other),
            "`cuts` must be in the order in which the model computes them, "
            f"each once, but {graph.names[one]} is not before "
            f"{graph.names[other]}.",
            cuts=tuple(cuts),
        )
    ends = [*((number,) for number in numbers), graph.outputs]
    starts = [graph.inputs, *ends]
    calls = [
        graph.between(start, keras.tree.flatten(end))
        for start, end in zip(starts, ends, strict=False)
    ]
    _check_parts(calls)
    names = ["stem", *(f"section_{k}" for k in range(1, len(cuts))), "head"]
    stem, *sections, head = (
        build_part(
            graph,
            start,
            end[0] if isinstance(end, tuple) else end,
            name=name,
        )
        for start, end, name in zip(starts, ends, names, strict=False)
    )
    return SectionedModel(
        stem,
        sections,
        head,
        name=model.name,
        depth=getattr(model, "depth", None),
        facts=getattr(model, "facts", None),
    )


def _number(graph, name):
    """Returns the number of the tensor that a layer computes."""
    if name in graph.names:
        return graph.names.index(name)
    candidates = [n for n in graph.names if n.rpartition(":")[0] == name]
    if candidates:
        raise errors.SettingsError(
            f"The layer {name!r} computes several tensors. Name one of them: "
            f"{', '.join(candidates)}."
        )
    (nearest,) = difflib.get_close_matches(name, graph.names, n=1, cutoff=0)
    raise errors.SettingsError(
        f"{graph.name} has no layer {name!r}. The nearest name is {nearest!r}."
    )


def _check(graph, number):
    """Raises `SettingsError` if a model cannot be cut at a tensor."""
    if number in graph.cuts:
        return
    name = graph.names[number]
    crossing = ", ".join(
        f"{graph.names[n]!r} {tuple(graph.tensors[n].shape[1:])}"
        for n in graph.crossing(number)
    )
    before = [n for n in graph.cuts if n < number]
    after = [n for n in graph.cuts if n > number]
    near = [f"{graph.names[n]!r}" for n in (*before[-1:], *after[:1])]
    hint = f" The nearest possible cuts are {' and '.join(near)}."
    raise errors.SettingsError(
        f"{graph.name} cannot be cut at {name!r}: a cut must be a single "
        f"tensor, but these pass there: {crossing}.{hint if near else ''}"
    )


def _check_parts(calls):
    shared = shared_layers(calls)
    if shared:
        names = " and ".join(repr(layer.name) for layer in shared)
        raise errors.SettingsError(
            f"The weights of {names} are used on both sides of a cut, so they "
            "cannot be trained for one section alone. Choose other cuts, or "
            "use a separate layer for each call."
        )
    for call in itertools.chain(*calls):
        if getattr(call.operation, "stateful", False) is True:
            raise errors.SettingsError(
                f"The layer {call.path!r} keeps a state from batch to batch "
                "(stateful=True), but training runs a section twice on each "
                "batch. Build it with stateful=False."
            )
