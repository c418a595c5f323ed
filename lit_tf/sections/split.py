"""`split`: any functional or sequential model, cut into sections."""

import difflib
import itertools
from collections.abc import Sequence

import keras

from lit_tf import errors
from lit_tf.sections.graph import build, read_graph, shared
from lit_tf.sections.sectioned_model import SectionedModel


def split(model: keras.Model, cuts: Sequence[str]) -> SectionedModel:
    """Cuts a model into stem, sections and head, which share its weights.

    The result answers as the model does, to the bit, and is trained with it.

    Args:
        model: functional or sequential. Nested models are opened; it may have
            several inputs and several outputs.
        cuts: names of layers, in order: representation 0, behind the stem, is
            the output of the first, representation K, before the head, of the
            last. A layer in a nested model is named by its path,
            "block/sub/layer"; of one that is called several times
            "layer:2" is the second call.

    Returns:
        A model of K = len(cuts) − 1 sections.

    Raises:
        SettingsError: the model's graph is unknown (it is subclassed); there is
            no such layer; more than its tensor passes where it would be cut, in
            which case the message names what does and the nearest places that
            would do; cuts are out of order or fewer than two; a layer has its
            weights, or keeps its state, on both sides of a cut.
    """
    graph = read_graph(model)
    numbers = [_number(graph, name) for name in cuts]
    errors.require(
        len(cuts) >= 2,
        "`cuts` must name two layers at least: behind the stem, and before "
        "the head.",
        cuts=tuple(cuts),
    )
    for number in numbers:
        _check(graph, number)
    for one, other in itertools.pairwise(numbers):
        errors.require(
            graph.cuts.index(one) < graph.cuts.index(other),
            "`cuts` must be in the order in which the model computes them, "
            f"each once, and {graph.names[one]} is not before "
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
        build(
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
    """Returns the tensor that a layer makes."""
    if name in graph.names:
        return graph.names.index(name)
    several = [n for n in graph.names if n.rpartition(":")[0] == name]
    if several:
        raise errors.SettingsError(
            f"The layer {name!r} makes several tensors; say which: "
            f"{', '.join(several)}."
        )
    (near,) = difflib.get_close_matches(name, graph.names, n=1, cutoff=0)
    raise errors.SettingsError(
        f"{graph.name} has no layer {name!r}. The nearest name is {near!r}."
    )


def _check(graph, number):
    """Raises `SettingsError` where a model cannot be cut at a tensor."""
    if number in graph.cuts:
        return
    name = graph.names[number]
    passing = graph.crossing(number)
    results = ", ".join(
        f"{graph.names[n]!r} {tuple(graph.tensors[n].shape[1:])}"
        for n in passing
    )
    before = [n for n in graph.cuts if n < number]
    behind = [n for n in graph.cuts if n > number]
    near = [f"{graph.names[n]!r}" for n in (*before[-1:], *behind[:1])]
    instead = f" The nearest places are {' and '.join(near)}." if near else ""
    raise errors.SettingsError(
        f"{graph.name} cannot be cut at {name!r}: a cut must be a single "
        f"tensor, and there pass {results}.{instead}"
    )


def _check_parts(calls):
    for layer in shared(calls):
        raise errors.SettingsError(
            f"The layer {layer.name!r} is called on both sides of a cut, and "
            "its weights cannot be trained for one section alone. Cut where it "
            "is not, or give each call a layer of its own."
        )
    for call in itertools.chain(*calls):
        if getattr(call.operation, "stateful", False) is True:
            raise errors.SettingsError(
                f"The layer {call.path!r} keeps a state from batch to batch "
                "(stateful=True), and a section is run twice on each. Build it "
                "with stateful=False."
            )
