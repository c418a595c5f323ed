"""The teacher as a student meets it: frozen, folded, all answers at once."""

import collections
import pathlib
import typing
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf import layers
from lit_tf.sections import sectioned_model
from lit_tf.sections.sectioned_model import SectionedModel

# What a BatchNorm can be folded into, by the axis of its kernel that holds the
# channels it makes. (A depthwise kernel's last two axes do together.)
_CHANNELS = {
    keras.layers.Dense: (-1,),
    keras.layers.Conv1D: (-1,),
    keras.layers.Conv2D: (-1,),
    layers.GroupedConv2D: (-1,),
    keras.layers.Conv3D: (-1,),
    keras.layers.Conv1DTranspose: (-2,),
    keras.layers.Conv2DTranspose: (-2,),
    keras.layers.Conv3DTranspose: (-2,),
    keras.layers.DepthwiseConv1D: (-2, -1),
    keras.layers.DepthwiseConv2D: (-2, -1),
    keras.layers.SeparableConv1D: (-1,),
    keras.layers.SeparableConv2D: (-1,),
}
_NORMS = (keras.layers.BatchNormalization, layers.BatchNormalization)


class TeacherBatch(typing.NamedTuple):
    """A batch of inputs, and what the teacher answers to it.

    Args:
        inputs: raw inputs, `[batch, ...]`.
        representations: T_k, `[batch, ...]`, by k = 0 … K. T_0 is missing where
            the student's stem is to give it, all where nobody asks for them.
        output: logits, `[batch, classes]`; of several outputs, nested as the
            model nests them.
    """

    inputs: tf.Tensor
    representations: dict[int, tf.Tensor]
    output: Any


def answer(twin: keras.Model, inputs: tf.Tensor | TeacherBatch) -> TeacherBatch:
    """Asks a frozen teacher, unless the batch comes with its answers.

    Args:
        twin: what `freeze` returns.
        inputs: `[batch, ...]`, or a batch that has its answers already.

    Returns:
        The batch with its answers, through which no gradient flows.
    """
    if isinstance(inputs, TeacherBatch):
        return inputs
    flat = map(
        tf.stop_gradient, keras.tree.flatten(twin(inputs, training=False))
    )
    # Keras returns a single answer without its list.
    *representations, output = keras.tree.pack_sequence_as(
        twin.output, list(flat)
    )
    return TeacherBatch(inputs, dict(enumerate(representations)), output)


def dtype_for(student: keras.Model, choice: str = "auto") -> str:
    """Returns in which dtype a student's teacher computes.

    Args:
        student: the model that is trained.
        choice: "float32", "float16", "bfloat16" or "auto": float32 for a
            student in float32; for one in half precision the half that this
            machine is fast in: on a GPU the student's own, on a CPU bfloat16
            if its instructions have it, else float32.
    """
    if choice != "auto":
        return choice
    halves = sectioned_model.computes_in(student) & {"float16", "bfloat16"}
    if not halves:
        return "float32"
    if tf.config.list_logical_devices("GPU"):
        return min(halves)
    return "bfloat16" if _has_bfloat16() else "float32"


def freeze(teacher: keras.Model, dtype: str = "float32") -> keras.Model:
    """Returns the teacher's twin that a training step asks.

    The twin has weights of its own, the teacher's of this moment. BatchNorm is
    folded into the convolution or the dense layer before it wherever nothing
    else reads what is between them, a representation included; what cannot be
    folded is left as it is. Call it with `training=False`.

    Args:
        teacher: a functional or sequential model, perhaps with sections. A
            layer, or a model, that cannot be made anew from its configuration
            is the teacher's own.
        dtype: in which the twin computes, but for layers that pin their own.

    Returns:
        A model, inputs → [representation 0 … K, output], or [output] where the
        teacher has no sections.
    """
    parts = [teacher]
    if isinstance(teacher, SectionedModel):
        parts = [teacher.stem, *teacher.sections, teacher.head]
    inputs = [
        keras.Input(batch_shape=t.shape, dtype=t.dtype, name=t.name)
        for t in teacher.inputs
    ]
    if len(inputs) == 1:
        (inputs,) = inputs
    answers, x = [], inputs
    for part in parts:
        x = _folded(part, dtype)(x)
        answers.append(x)
    return keras.Model(inputs, answers, name=f"{teacher.name}_frozen")


def output_alone(twin: keras.Model) -> keras.Model:
    """Returns a twin's model of inputs → output."""
    return keras.Model(twin.input, twin.output[-1], name=twin.name)


class _Gone(keras.layers.Layer):
    """Stands where a BatchNorm was, and is called as one."""

    def call(self, inputs, training=None, mask=None):
        return inputs


def _folded(model, dtype):
    """Returns a copy of a model with BatchNorm in the layers before it."""
    graphs = list(_graphs(model))
    if not graphs:
        return model
    pairs = dict(_foldable(graphs))
    linears = set(pairs.values())
    mixed = dtype if dtype == "float32" else f"mixed_{dtype}"
    copies = {}

    def copy(layer):
        # Nothing trains a folded kernel, so it is kept in what it computes in.
        policy = dtype if layer in linears else mixed
        config = sectioned_model.under_policy(layer.get_config(), policy)
        if layer in pairs:
            copies[layer] = _Gone(name=layer.name, dtype=config["dtype"])
        else:
            if layer in linears:
                config["use_bias"] = True
            try:
                copies[layer] = type(layer).from_config(config)
            except Exception:  # Whatever a class of the user's own provokes.
                return layer
        return copies[layer]

    twin = keras.models.clone_model(model, clone_function=copy, recursive=True)
    for norm, linear in pairs.items():
        copies[linear].set_weights(_fold(linear, norm))
    for layer in copies.keys() - pairs.keys() - linears:
        if getattr(layer, "weights", ()):  # An operation has none.
            copies[layer].set_weights(layer.get_weights())
    return twin


def _graphs(model):
    """Yields a model's graph of layers, and those of the models in it."""
    graph = getattr(model, "_functional", None) or model  # Of a Sequential.
    if hasattr(graph, "_nodes_by_depth"):
        yield graph
        for layer in graph.layers:
            yield from _graphs(layer)


def _foldable(graphs):
    """Yields each BatchNorm that can be folded, with the layer before it."""
    nodes = [
        node
        for graph in {id(graph): graph for graph in graphs}.values()
        for together in graph._nodes_by_depth.values()
        for node in together
    ]
    calls = collections.Counter(node.operation for node in nodes)
    readers = collections.Counter(id(t) for n in nodes for t in n.input_tensors)
    readers.update(id(t) for graph in graphs for t in graph.outputs)
    for node in nodes:
        norm = node.operation
        if type(norm) not in _NORMS or node.arguments.kwargs.get("training"):
            continue
        (between,) = node.input_tensors
        linear = between._keras_history.operation
        if (
            type(linear) in _CHANNELS
            and calls[linear] == calls[norm] == readers[id(between)] == 1
            and linear.activation is keras.activations.linear
            and getattr(linear, "data_format", "channels_last")
            == "channels_last"
            and norm.axis in (-1, len(between.shape) - 1)
        ):
            yield norm, linear


def _fold(linear, norm):
    """Returns the weights of a layer that does what two did."""
    *others, kernel, bias = (
        np.asarray(value, np.float64)
        for value in (
            linear.get_weights()
            if linear.use_bias
            else [*linear.get_weights(), 0.0]
        )
    )
    mean, variance = map(
        keras.ops.convert_to_numpy, (norm.moving_mean, norm.moving_variance)
    )
    scale = 1 / np.sqrt(np.float64(variance) + norm.epsilon)
    shift = 0.0
    if norm.scale:
        scale *= keras.ops.convert_to_numpy(norm.gamma)
    if norm.center:
        shift = keras.ops.convert_to_numpy(norm.beta)
    axes = _CHANNELS[type(linear)]
    shape = [kernel.shape[i] if i in axes else 1 for i in (-2, -1)]
    return [
        *others,
        kernel * scale.reshape(shape),
        (bias - mean) * scale + shift,
    ]


def _has_bfloat16():
    info = pathlib.Path("/proc/cpuinfo")
    flags = info.read_text().split() if info.is_file() else ()
    return any(name in flags for name in ("avx512_bf16", "amx_bf16", "bf16"))
