"""The frozen teacher: one model that returns all outputs a student reads."""

import collections
import pathlib
import typing
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf import layers
from lit_tf.losses import masks
from lit_tf.sections import (
    context,
    copying,
    inspection,
    layer_config,
    sectioned_model,
    structure,
)
from lit_tf.sections.functional import as_functional, require_functional

# The layers that a BatchNorm can be folded into, with the kernel axes that hold
# their output channels. (A depthwise kernel holds them in its last two axes.)
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
    """A batch of inputs with the teacher's outputs for it.

    Args:
        inputs: raw inputs, `[batch, ...]`, nested as the teacher takes them.
        representations: T_k, `[batch, ...]`, by k = 0 … K. T_0 is missing if it
            comes from a cache: the student's stem computes it. Empty if the
            student's trainer reads the output alone.
        output: logits, `[batch, classes]`; for a model with several outputs,
            nested as the model nests them.
    """

    inputs: Any
    representations: dict[int, tf.Tensor]
    output: Any


def teacher_outputs(
    frozen: keras.Model, inputs: tf.Tensor | TeacherBatch
) -> TeacherBatch:
    """Runs a frozen teacher, unless the batch already has its outputs.

    Args:
        frozen: a model that `freeze` returned.
        inputs: `[batch, ...]`, or a `TeacherBatch` read from a cache.

    Returns:
        The batch with the teacher's outputs, through which no gradient flows.
    """
    if isinstance(inputs, TeacherBatch):
        return inputs
    flat = [
        masks.keep(tf.stop_gradient(tensor), tensor)
        for tensor in keras.tree.flatten(frozen(inputs, training=False))
    ]
    # Keras returns a single output without its list.
    *representations, output = keras.tree.pack_sequence_as(frozen.output, flat)
    return TeacherBatch(inputs, dict(enumerate(representations)), output)


def dtype_for(student: keras.Model, choice: str = "auto") -> str:
    """Returns the dtype in which a student's teacher computes.

    Args:
        student: the model to train.
        choice: "float32", "float16", "bfloat16" or "auto". "auto", the default,
            is float32 for a student in float32. For a student in half precision
            it is the dtype that is fast on this machine: on a GPU the student's
            own; on a CPU bfloat16 if it has instructions for it, else float32.
    """
    if choice != "auto":
        return choice
    halves = inspection.computes_in(student) & {"float16", "bfloat16"}
    if not halves:
        return "float32"
    if tf.config.list_logical_devices("GPU"):
        return min(halves)
    return "bfloat16" if _has_bfloat16() else "float32"


def freeze(teacher: keras.Model, dtype: str = "float32") -> keras.Model:
    """Returns a frozen copy of the teacher, which a training step runs.

    The copy has its own weights, the teacher's current ones. BatchNorm is
    folded into the convolution or dense layer before it, unless another layer
    or a representation reads the tensor between the two; such a BatchNorm is
    copied unchanged. Call the copy with `training=False`.

    Args:
        teacher: a functional or sequential model, with or without sections. A
            layer, or nested model, that cannot be created from its
            configuration is shared with the teacher instead of copied.
        dtype: the dtype in which the copy computes, except for layers that fix
            their own; default "float32".

    Returns:
        A model, inputs → [representation 0 … K, output], or inputs → [output]
        for a teacher without sections.

    Raises:
        SettingsError: if the teacher is subclassed, so that its graph is
            unknown, or the copy does not answer as the teacher does.
    """
    require_functional(teacher)
    inputs = keras.tree.map_structure(
        structure.input_like, structure.inputs_of(teacher)
    )
    parts = [_folded(part, dtype) for part in sectioned_model.parts_of(teacher)]
    # An attention removes the mask of the very tensor that it reads.
    outputs = context.join(
        parts,
        getattr(teacher, "reads", ()),
        inputs,
        passed=lambda x: keras.tree.map_structure(_MaskKept(), x),
    )
    frozen = keras.Model(inputs, outputs, name=f"{teacher.name}_frozen")
    copying.check_copy(teacher, frozen)
    return frozen


def output_alone(frozen: keras.Model) -> keras.Model:
    """Returns a frozen teacher without its representations: inputs → output."""
    return keras.Model(frozen.input, frozen.output[-1], name=frozen.name)


class _Removed(keras.layers.Layer):
    """Replaces a folded BatchNorm: an identity with the same call arguments."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs, training=None, mask=None):
        return inputs


class _MaskKept(keras.layers.Layer):
    """Passes a tensor on, as another tensor if it has a mask."""

    def __init__(self):
        super().__init__(dtype="float32", autocast=False)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        return inputs if mask is None else tf.identity(inputs)

    def compute_output_spec(self, inputs, mask=None):
        return keras.KerasTensor(inputs.shape, inputs.dtype)


def _folded(model, dtype):
    """Returns a copy of a model with BatchNorm folded where possible."""
    graphs = list(_graphs(model))
    if not graphs:
        return model
    pairs = {k: v for k, v in _foldable(graphs) if _can_be_built(v)}
    linears = set(pairs.values())
    mixed = dtype if dtype == "float32" else f"mixed_{dtype}"
    folded = {}

    def replace(layer, config: dict[str, Any]):
        if layer in pairs:
            return _Removed(name=layer.name, dtype=config["dtype"])
        if layer not in linears:
            return None
        # A folded kernel is not trained, so it is stored in the dtype in which
        # it computes.
        config = layer_config.under_policy(config, dtype) | {"use_bias": True}
        folded[layer] = layer_config.build(layer, config)
        return folded[layer]

    copy = copying.copy_model(model, policy=mixed, replace=replace, share=True)
    for norm, linear in pairs.items():
        folded[linear].set_weights(_fold(linear, norm))
    return copy


def _can_be_built(layer):
    """Returns whether a layer can be built from its configuration."""
    try:
        layer_config.copy_layer(layer)
    except Exception:  # A user's class may raise anything.
        return False
    return True


def _graphs(model):
    """Yields a model's graph of layers and the graphs of its nested models."""
    graph = as_functional(model)
    if graph is not None:
        yield graph
        for layer in graph.layers:
            yield from _graphs(layer)


def _foldable(graphs):
    """Yields each BatchNorm that can be folded and the layer before it."""
    nodes = [
        node
        for graph in {id(graph): graph for graph in graphs}.values()
        for level in graph._nodes_by_depth.values()
        for node in level
    ]
    calls = collections.Counter(node.operation for node in nodes)
    readers = collections.Counter(id(t) for n in nodes for t in n.input_tensors)
    readers.update(id(t) for graph in graphs for t in graph.outputs)
    for node in nodes:
        norm = node.operation
        if type(norm) not in _NORMS or node.arguments.kwargs.get("training"):
            continue
        # A mask may follow, which BatchNorm ignores in inference mode.
        between, *_ = node.input_tensors
        linear = between._keras_history.operation
        if (
            type(linear) in _CHANNELS
            and calls[linear] == calls[norm] == readers[id(between)] == 1
            and linear.activation is keras.activations.linear
            and _is_plain(linear)
            and getattr(linear, "data_format", "channels_last")
            == "channels_last"
            and norm.axis in (-1, len(between.shape) - 1)
        ):
            yield norm, linear


def _is_plain(linear):
    """Returns whether a kernel and a bias are all that a layer computes with.

    A quantized layer also has scales, a layer with LoRA two more matrices.
    """
    separable = isinstance(
        linear, (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
    )
    count = 1 + separable + linear.use_bias
    floats = all("float" in v.dtype for v in linear.weights)
    return len(linear.weights) == count and floats


def _fold(linear, norm):
    """Returns weights with which `linear` computes what both layers did."""
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
    flags = info.read_text(encoding="utf-8").split() if info.is_file() else ()
    return any(name in flags for name in ("avx512_bf16", "amx_bf16", "bf16"))
