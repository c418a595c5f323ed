"""`build`: a model of the class of another one, cut in the same way."""

import itertools
from collections.abc import Sequence
from typing import Any

import keras

from lit_tf.sections import (
    differences,
    model_class,
    sectioned_model,
    split,
)
from lit_tf.sections.copier import copy_state
from lit_tf.sections.functional import read_graph
from lit_tf.sections.graph import Graph
from lit_tf.sections.kept_blocks import find_blocks_of_sections
from lit_tf.sections.sectioned_model import SectionedModel


def build(
    source: keras.Model | None,
    alike: SectionedModel,
    layers: int | None,
    configured: model_class.Configured = dict,
) -> SectionedModel | None:
    """Returns a model of the class of, for example, a backbone of KerasHub.

    Args:
        source: a model of the class; None if there is none.
        alike: a functional model with the layers and the cuts of the new one.
        layers: the number of layers of the new model.
        configured: a function that changes the configuration of the model.

    Returns:
        A model with new weights, whose `source` is of the class; None if the
        class does not state a number of layers, or the number changes more than
        the blocks.
    """
    new = source and model_class.rebuilt(source, layers, configured)
    if not new:
        return None
    graph = read_graph(new)
    found = _forms(graph, [("input", i) for i in range(len(graph.inputs))])
    numbers = {form: number for number, form in reversed(found.items())}
    *wanted, outputs = _forms_of_parts(alike)
    ends = keras.tree.flatten(graph.outputs)
    if [found[n] for n in ends] != outputs or not set(wanted) <= set(numbers):
        return None
    model = split.split(new, [graph.names[numbers[form]] for form in wanted])
    model.facts = dict(alike.facts)
    if layers != model_class.layers_of(source) and _differ(alike, model):
        return None
    return model


def _differ(one, other):
    """Returns whether layers of sections have other settings.

    A class may give each layer settings of its own, such as a dilation.
    """
    pairs = zip(one.sections, other.sections, strict=True)
    return any(itertools.starmap(differences.differing, pairs))


def restored(model: keras.Model) -> keras.Model:
    """Returns a model of the class that a model was made from.

    Args:
        model: a model, with or without sections and origin.

    Returns:
        A model of the class of `origin`, with the weights of the model; the
        model itself if it has no origin, or is of the class already.
    """
    origin = getattr(model, "origin", None)
    if origin is None or model_class.layers_of(model.source) is not None:
        return model
    layers = sum(chain.count for chain in find_blocks_of_sections(model))
    new = build(origin, model, layers)
    if new is None:
        return model
    pairs = zip(
        sectioned_model.parts_of(model),
        sectioned_model.parts_of(new),
        strict=True,
    )
    for part, twin in pairs:
        copy_state(part, twin)
    return new


def _forms(graph: Graph, inputs: Sequence[Any]) -> dict[int, Any]:
    """Returns for each tensor a hash of the layers that compute it.

    Args:
        graph: the graph.
        inputs: the hashes of its inputs.
    """
    forms = dict(zip(graph.inputs, inputs, strict=True))
    for call in graph.calls:
        read = tuple(forms[number] for number in call.inputs)
        for place, number in enumerate(call.outputs):
            forms[number] = hash((call.form, read, place))
    return forms


def _forms_of_parts(model):
    """Returns the hash of each representation, and those of the outputs."""
    graph = read_graph(model.stem)
    inputs = [("input", i) for i in range(len(graph.inputs))]
    forms = _forms(graph, inputs)
    stem = [forms[n] for n in keras.tree.flatten(graph.outputs)]
    results = [stem[0]]
    for part, reads in zip(
        [*model.sections, model.head], model.reads, strict=True
    ):
        graph = read_graph(part)
        context = [stem[1 + number] for number in reads]
        forms = _forms(graph, [results[-1], *context])
        results.append(forms[keras.tree.flatten(graph.outputs)[0]])
    outputs = [forms[n] for n in keras.tree.flatten(graph.outputs)]
    return [*results[:-1], outputs]
