"""`split`: cuts a functional or sequential model into sections."""

import dataclasses
import difflib
import itertools
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from lit_tf import errors
from lit_tf.sections import own_context
from lit_tf.sections.block_search import find_blocks_in_graph
from lit_tf.sections.functional import read_graph
from lit_tf.sections.graph import Call, shared_layers
from lit_tf.sections.parts import build_part
from lit_tf.sections.sectioned_model import SectionedModel, set_origin
from lit_tf.sections.structure import pack_inputs
from lit_tf.sections.trunk import Trunk, with_side


def split(model: keras.Model, cuts: Sequence[str] | Any) -> SectionedModel:
    """Cuts a model into a stem, sections and a head.

    The result computes exactly the same outputs as the model and shares its
    weights: training one changes the other.

    A section computes one tensor, its representation, from the one before. It
    may also read context: tensors that depend on no section, such as a padding
    mask, position tensors or a second input. The stem computes them. Layers
    that one block alone applies to a condition, such as those that compute its
    scales, are in the section of the block.

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
            a layer does not exist; another tensor that depends on the first
            cut passes next to a later one, in which case the message lists
            these tensors and the nearest possible cuts; the cuts are out of
            order or fewer than two; a layer is called in a section and in
            another part, or keeps a state between batches.
    """
    graph = read_graph(model)
    note = getattr(cuts, "note", "")
    errors.require(not note, note, model=model.name)
    cuts = getattr(cuts, "cuts", cuts)
    errors.require(
        isinstance(cuts, Sequence)
        and not isinstance(cuts, str)
        and all(isinstance(name, str) for name in cuts),
        "`cuts` must be a list of names of layers, or a plan.",
        cuts=cuts,
    )
    numbers = [_number(graph, name) for name in cuts]
    errors.require(
        len(cuts) >= 2,
        "`cuts` must name at least two layers: the last one of the stem, and "
        "the last one before the head.",
        cuts=tuple(cuts),
    )
    trunk = _trunk(graph, numbers)
    names = [*(f"section_{k}" for k in range(1, len(cuts))), "head"]
    blocks = _calls_of_blocks(graph)
    pieces = [
        _piece(trunk, name, start, end, blocks)
        for name, start, end in zip(
            names, numbers, [*numbers[1:], graph.outputs], strict=True
        )
    ]
    context = list(dict.fromkeys(n for piece in pieces for n in piece.context))
    stem_ends = [numbers[0], *context]
    _check_parts(graph.between(graph.inputs, stem_ends), pieces)
    stem = build_part(
        graph,
        graph.inputs,
        stem_ends if context else numbers[0],
        name="stem",
    )
    graph = _with_true_shapes(graph, stem, context)
    *sections, head = (
        build_part(graph, (p.start, *p.context), p.ends, name=p.name)
        for p in pieces
    )
    sectioned = SectionedModel(
        stem,
        sections,
        head,
        context=[[context.index(n) for n in p.context] for p in pieces],
        name=model.name,
        depth=getattr(model, "depth", None),
        facts=getattr(model, "facts", None),
    )
    # Keras would track, and save, a model that is an attribute.
    object.__setattr__(sectioned, "source", model)
    sectioned.cuts = tuple(cuts)
    set_origin(sectioned, model)
    return sectioned


@dataclasses.dataclass(frozen=True)
class _Piece:
    """A section or head: the numbers of its tensors, and its calls."""

    name: str
    start: int
    context: tuple[int, ...]
    ends: Any
    calls: tuple[Call, ...]


def _trunk(graph, numbers):
    """Returns the trunk that the cuts divide.

    Raises:
        SettingsError: if the model cannot be cut there.
    """
    whole = Trunk(graph, numbers[0])
    # What passes next to cuts and does not depend on the first section.
    after = Trunk(graph, numbers[1]).tensors
    passing = {n for number in numbers[1:] for n in graph.crossing(number)}
    trunk = with_side(whole, passing - after)
    for number in numbers:
        if number not in trunk.cuts:
            _refuse(whole, number)
    places = [trunk.cuts.index(number) for number in numbers]
    for k, (one, other) in enumerate(itertools.pairwise(places)):
        if one >= other:
            _refuse_order(graph, *numbers[k : k + 2])
    return trunk


def _calls_of_blocks(graph):
    """Returns (calls of the trunk, own calls on context) of each block."""
    chain = find_blocks_in_graph(graph)
    calls = [block.calls for block in [*chain.blocks, *chain.fixed]]
    own = own_context.own_calls(chain.trunk, calls, towers=False)
    return list(zip(calls, own, strict=True))


def _piece(trunk, name, start, ends, blocks):
    outputs = keras.tree.flatten(ends)
    between = trunk.graph.between((start,), outputs)
    inside = {call.outputs for call in trunk.only(between)}
    for calls, own in blocks:
        if inside.issuperset(call.outputs for call in calls):
            inside.update(call.outputs for call in own)
    calls = tuple(call for call in between if call.outputs in inside)
    # An output of the model may be context itself.
    passed = tuple(n for n in outputs if n not in trunk.tensors)
    context = tuple(dict.fromkeys(trunk.context(start, calls) + passed))
    return _Piece(name, start, context, ends, calls)


def _with_true_shapes(graph, stem, context):
    """Returns a graph in which the shapes of context are not too narrow.

    A layer may declare a size of 1 that it does not compute.
    """
    if not any(1 in graph.tensors[n].shape[1:] for n in context):
        return graph
    specs = [tf.TensorSpec(t.shape, t.dtype) for t in stem.inputs]
    traced = tf.function(lambda *x: stem(pack_inputs(stem, x)), autograph=False)
    _, *outputs = traced.get_concrete_function(*specs).structured_outputs
    tensors = list(graph.tensors)
    for number, output in zip(context, outputs, strict=True):
        declared, shape = tensors[number], output.shape
        if len(declared.shape) == len(shape):
            pairs = zip(declared.shape, shape, strict=True)
            shape = [true if size == 1 else size for size, true in pairs]
        tensors[number] = keras.KerasTensor(
            shape, declared.dtype, name=declared.name
        )
    return dataclasses.replace(graph, tensors=tuple(tensors))


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


def _refuse(trunk, number):
    graph = trunk.graph
    if number not in trunk.tensors:
        _refuse_order(graph, trunk.root, number)
    crossing = ", ".join(
        f"{graph.label(n)} {tuple(graph.tensors[n].shape[1:])}"
        for n in graph.crossing(number)
        if n in trunk.tensors
    )
    before = [n for n in trunk.cuts if n < number]
    after = [n for n in trunk.cuts if n > number]
    near = [f"{graph.names[n]!r}" for n in (*before[-1:], *after[:1])]
    hint = f" The nearest possible cuts are {' and '.join(near)}."
    raise errors.SettingsError(
        f"{graph.name} cannot be cut at {graph.names[number]!r}: a cut must be "
        "a single tensor, apart from what the stem can compute, but these pass "
        f"there: {crossing}.{hint if near else ''}"
    )


def _refuse_order(graph, one, other):
    raise errors.SettingsError(
        "`cuts` must be in the order in which the model computes them, each "
        f"once. Received: {graph.names[one]!r} before {graph.names[other]!r}."
    )


def _check_parts(stem_calls, pieces):
    *sections, head = [piece.calls for piece in pieces]
    # Stem and head may share weights: they are copied, or trained, together.
    shared = shared_layers([*sections, stem_calls + head])
    if shared:
        names = " and ".join(repr(layer.name) for layer in shared)
        raise errors.SettingsError(
            f"The weights of {names} are used on both sides of a cut, so they "
            "cannot be trained for one section alone. Choose other cuts, or "
            "use a separate layer for each call."
        )
    for call in itertools.chain(stem_calls, *sections, head):
        if getattr(call.operation, "stateful", False) is True:
            raise errors.SettingsError(
                f"The layer {call.path!r} keeps a state from batch to batch "
                "(stateful=True), but training runs a section twice on each "
                "batch. Build it with stateful=False."
            )
