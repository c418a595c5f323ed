"""`build`: a student of the class of the model that was cut."""

from collections.abc import Sequence
from typing import Any

import keras

from lit_tf.sections import model_class, split
from lit_tf.sections.functional import read_graph
from lit_tf.sections.graph import Graph
from lit_tf.sections.sectioned_model import SectionedModel


def build(
    teacher: SectionedModel, shared: SectionedModel, keep: Sequence[int]
) -> SectionedModel | None:
    """Returns a student of the class of a model of, for example, KerasHub.

    Args:
        teacher: a model with sections.
        shared: the student as a functional model that shares the teacher's
            layers.
        keep: number of blocks that each section keeps.

    Returns:
        The student, with new weights, whose `source` is a model of the class of
        the teacher's `source`; None if this class does not state a number of
        layers, or the number changes more than the blocks.
    """
    source = teacher.source
    new = source and model_class.rebuilt(source, sum(keep))
    if not new:
        return None
    graph = read_graph(new)
    found = _forms(graph, [("input", i) for i in range(len(graph.inputs))])
    numbers = {form: number for number, form in reversed(found.items())}
    *wanted, outputs = _forms_of_parts(shared)
    ends = keras.tree.flatten(graph.outputs)
    if [found[n] for n in ends] != outputs or not set(wanted) <= set(numbers):
        return None
    student = split.split(new, [graph.names[numbers[form]] for form in wanted])
    student.facts["blocks"] = list(keep)
    return student


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
