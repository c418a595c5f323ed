"""Cost of a model: parameters, depth, FLOPs, latency, bytes."""

import math
import os
import pathlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def parameters(model: keras.Model) -> int:
    """Counts a model's weights, moving statistics included."""
    return sum(math.prod(v.shape) for v in model.weights)


def depth(model: keras.Model) -> int:
    """Returns the depth a model states, else its longest weighted chain."""
    stated = getattr(model, "depth", None)
    return stated if stated else _longest_chain(model)


def flops(model: keras.Model) -> int:
    """Counts 2 × multiply-adds of an inference, for one example.

    Counted on the traced graph, so whatever the layers are made of: dense
    layers, matrix products and convolutions of all kinds. Normalisation,
    activations and pooling are not multiply-adds and do not count.
    """
    specs = [
        tf.TensorSpec([1, *tensor.shape[1:]], tensor.dtype)
        for tensor in model.inputs
    ]
    return traced_flops(
        lambda *x: model(x[0] if len(x) == 1 else list(x)), *specs
    )


def traced_flops(function: Callable[..., Any], *arguments: Any) -> int:
    """Counts 2 × multiply-adds of one call of a function of tensors.

    Of gradients too: a train step counts forward and backward. What is traced
    but not executed, because nothing asks for it, does not count.

    Args:
        function: what can be traced as a `tf.function`.
        *arguments: tensors, or their specs, of known shape.
    """
    # Keras converts no train step either, and conversion takes a second.
    traced = tf.function(function, autograph=False)
    graph = traced.get_concrete_function(*arguments).graph
    return sum(2 * _multiply_adds(op) for op in _executed(graph))


def latency_ms(
    folders: Mapping[str, pathlib.Path],
    batch: Sequence[tf.Tensor],
    *,
    runs: int = 100,
) -> dict[str, float]:
    """Measures SavedModels on a batch: the median, in milliseconds.

    They take turns, so that a machine that slows down slows all of them.

    Args:
        folders: SavedModels by name.
        batch: what they are served, as `export.served` has it.
        runs: timed calls of each, after ten that are not.
    """
    models = {name: tf.saved_model.load(str(f)) for name, f in folders.items()}
    serve = {name: model.serve for name, model in models.items()}
    return medians_ms(serve, batch, runs=runs)


def medians_ms(
    functions: Mapping[str, Callable[..., Any]],
    batch: Sequence[tf.Tensor],
    *,
    runs: int,
) -> dict[str, float]:
    """Measures functions of a batch, which take turns: the median, in ms.

    Args:
        functions: by name.
        batch: their arguments.
        runs: timed calls of each, after ten that are not.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(runs + 10):
        for name, function in functions.items():
            start = time.perf_counter()
            tf.nest.map_structure(np.asarray, function(*batch))
            if turn >= 10:
                times[name].append(time.perf_counter() - start)
    return {
        name: 1000 * statistics.median(values) for name, values in times.items()
    }


def threads() -> int:
    """Returns the threads that one operation may use."""
    configured = tf.config.threading.get_intra_op_parallelism_threads()
    return configured or len(os.sched_getaffinity(0))


def folder_bytes(folder: pathlib.Path) -> int:
    """Returns the size of all files in a folder."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


def _executed(graph) -> Iterator[tf.Operation]:
    """Yields the operations that a result or a change of state depends on."""
    wanted, seen = [tensor.op for tensor in graph.outputs], set()
    wanted += graph.control_outputs
    while wanted:
        op = wanted.pop()
        if op.name in seen:
            continue
        seen.add(op.name)
        wanted += [tensor.op for tensor in op.inputs]
        wanted += op.control_inputs
        # Keras compiles some layers into functions of their own.
        if op.type in ("PartitionedCall", "StatefulPartitionedCall"):
            yield from _executed(
                graph._get_function(op.get_attr("f").name).graph
            )
        else:
            yield op


def _multiply_adds(op):
    def size(tensor):
        return math.prod(tensor.shape)

    if op.type in ("Conv1D", "Conv2D", "Conv3D"):
        *window, per_group, _ = op.inputs[1].shape
        return size(op.outputs[0]) * math.prod(window) * per_group
    if op.type in ("Conv2DBackpropInput", "Conv3DBackpropInputV2"):
        *window, made, _ = op.inputs[1].shape
        return size(op.inputs[2]) * math.prod(window) * made
    if op.type in ("Conv2DBackpropFilter", "Conv3DBackpropFilterV2"):
        *window, per_group, _ = op.outputs[0].shape
        return size(op.inputs[2]) * math.prod(window) * per_group
    if op.type == "DepthwiseConv2dNative":
        height, width, *_ = op.inputs[1].shape
        return size(op.outputs[0]) * height * width
    if op.type == "DepthwiseConv2dNativeBackpropInput":
        height, width, *_ = op.inputs[1].shape
        return size(op.inputs[2]) * height * width
    if op.type == "DepthwiseConv2dNativeBackpropFilter":
        height, width, *_ = op.outputs[0].shape
        return size(op.inputs[2]) * height * width
    if op.type == "MatMul":
        inner = op.inputs[0].shape[0 if op.get_attr("transpose_a") else 1]
        return size(op.outputs[0]) * inner
    if op.type in ("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"):
        inner = op.inputs[0].shape[-2 if op.get_attr("adj_x") else -1]
        return size(op.outputs[0]) * inner
    if op.type == "Einsum":
        terms = op.get_attr("equation").decode().partition("->")[0].split(",")
        sizes = {}
        for letters, tensor in zip(terms, op.inputs, strict=True):
            sizes |= dict(zip(letters, tensor.shape, strict=True))
        return math.prod(sizes.values())
    return 0


def _longest_chain(model):
    depths: dict[int, int] = {}

    def reach(tensor):
        producer, node_index, _ = tensor._keras_history
        key = (id(producer), node_index)
        if key not in depths:
            node = producer._inbound_nodes[node_index]
            before = max(map(reach, node.input_tensors), default=0)
            depths[key] = before + _own_depth(producer)
        return depths[key]

    return max(map(reach, model.outputs))


def _own_depth(layer):
    if isinstance(layer, keras.Model) and hasattr(layer, "outputs"):
        return _longest_chain(layer)
    # A kernel: a matrix at least. Scales and shifts are no layers of their own.
    weighted = any(len(v.shape) > 1 for v in getattr(layer, "weights", ()))
    return int(weighted)
