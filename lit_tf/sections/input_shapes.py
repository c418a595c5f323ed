"""`fixed`: a model of any input size as a model of one input size."""

import dataclasses
from typing import Any

import keras

from lit_tf import errors
from lit_tf.sections import sectioned_model, structure
from lit_tf.sections.functional import read_graph
from lit_tf.sections.parts import build_part
from lit_tf.sections.sectioned_model import SectionedModel


def fixed(model: keras.Model, inputs: Any) -> keras.Model:
    """Returns a model whose input shapes are known, with the model's layers.

    Args:
        model: functional or sequential, with or without sections. The sizes of
            its inputs may be None.
        inputs: tensors `[None, ...]` of known size, nested as in
            `structure.by_name`.

    Returns:
        The model itself if its shapes are known or are not those of `inputs`
        with some sizes left open. Otherwise a new model that shares its layers.

    Raises:
        SettingsError: if the model cannot compute inputs of these shapes.
    """
    open_shapes = [tuple(t.shape[1:]) for t in model.inputs]
    named = structure.by_name(model, inputs)
    if set(named) != set(structure.names_of(model)):
        return model
    shapes = [
        tuple(tensor.shape[1:])
        for tensor in structure.flat_inputs(model, inputs)
    ]
    if not any(None in shape for shape in open_shapes) or not all(
        map(_fits, open_shapes, shapes)
    ):
        return model
    try:
        new = _fixed(model, shapes)
        sectioned_model.set_origin(new, model)
        return new
    except Exception as error:  # Layers raise many kinds of errors.
        raise errors.SettingsError(
            f"{model.name} cannot compute inputs of the shape "
            f"{' and '.join(map(str, shapes))} ({errors.cause(error)})."
        ) from error


def _fits(open_shape, shape):
    return len(open_shape) == len(shape) and all(
        size in (None, known)
        for size, known in zip(open_shape, shape, strict=True)
    )


def _fixed(model, shapes):
    stem, *others = sectioned_model.parts_of(model)
    parts = [_rebuilt(stem, shapes)]
    if not isinstance(model, SectionedModel):
        return parts[0]
    shape, *context = (tensor.shape[1:] for tensor in parts[0].outputs)
    for part, numbers in zip(others, model.reads, strict=True):
        own = [context[number] for number in numbers]
        parts.append(_rebuilt(part, [shape, *own]))
        shape = parts[-1].outputs[0].shape[1:]
    return sectioned_model.with_parts(model, parts)


def _rebuilt(model, shapes):
    graph = read_graph(model)
    inputs = [
        keras.KerasTensor((None, *shape), tensor.dtype, name=tensor.name)
        for tensor, shape in zip(
            keras.tree.flatten(graph.structure), shapes, strict=True
        )
    ]
    structure = keras.tree.pack_sequence_as(graph.structure, inputs)
    graph = dataclasses.replace(graph, structure=structure)
    return build_part(graph, graph.inputs, graph.outputs, name=model.name)
