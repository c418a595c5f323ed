"""Cost of a model: parameters, depth, FLOPs, latency, bytes."""

import contextlib
import dataclasses
import math
import os
import pathlib
import statistics
import time
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf.sections import multiply_adds, structure


@dataclasses.dataclass(frozen=True)
class FlopCount:
    """The FLOPs that were counted, and the operations that were not.

    Args:
        flops: 2 × multiply-adds.
        uncounted: the types of the operations that may hide multiply-adds and
            could not be counted, sorted; () if everything was counted.
    """

    flops: int
    uncounted: tuple[str, ...] = ()

    @property
    def facts(self) -> dict[str, Any]:
        """What a report says: `flops`, and `uncounted_operations` if any."""
        facts = {"flops": self.flops}
        if self.uncounted:
            facts["uncounted_operations"] = list(self.uncounted)
        return facts


def parameters(model: keras.Model) -> int:
    """Counts the weights of a model, moving statistics included."""
    return sum(math.prod(v.shape) for v in model.weights)


def depth(model: keras.Model) -> int:
    """Returns the depth that the builder of a model states as `model.depth`.

    If it states none, returns the length of the longest chain of layers that
    have a kernel. Normalization layers do not count.
    """
    stated = getattr(model, "depth", None)
    return stated if stated else _longest_chain(model)


def flops(model: keras.Model) -> int:
    """Counts the FLOPs of one inference: 2 × multiply-adds per example.

    A warning names operations that cannot be counted. `count_flops` returns
    them instead.

    Args:
        model: a model of known input shape.
    """
    counted = count_flops(model)
    if counted.uncounted:
        warnings.warn(f"{model.name}: {note(counted.uncounted)}", stacklevel=2)
    return counted.flops


def count_flops(model: keras.Model) -> FlopCount:
    """Counts the FLOPs of one inference: 2 × multiply-adds per example.

    The operations of the traced graph are counted: dense layers, matrix
    products and convolutions of all kinds. By convention normalization,
    activations, pooling and resampling cost nothing.

    Args:
        model: a model of known input shape.

    Returns:
        The count, and the types of the operations that it leaves out, such as
        the loop of an LSTM.
    """
    specs = [
        tf.TensorSpec([1, *tensor.shape[1:]], tensor.dtype)
        for tensor in model.inputs
    ]
    return count_traced_flops(
        lambda *x: model(structure.pack_inputs(model, x)), *specs
    )


def count_traced_flops(
    function: Callable[..., Any], *arguments: Any
) -> FlopCount:
    """Counts 2 × multiply-adds of one call of a function of tensors.

    Gradients are included: a train step counts forward and backward pass.
    Operations that are traced but not executed, because no result depends on
    them, are left out.

    Args:
        function: a function that `tf.function` can trace.
        *arguments: tensors, or their specs, of known shape.
    """
    # Keras does not convert train steps either, and conversion takes a second.
    traced = tf.function(function, autograph=False)
    graph = traced.get_concrete_function(*arguments).graph
    total, uncounted = 0, set()
    for op in multiply_adds.executed(graph):
        count = multiply_adds.count(op)
        if count is None:
            uncounted.add(multiply_adds.label(op))
        else:
            total += 2 * count
    return FlopCount(total, tuple(sorted(uncounted)))


def note(uncounted: Collection[str]) -> str:
    """Returns a sentence about uncounted operations; "" if there are none.

    Args:
        uncounted: types of operations, as in `FlopCount.uncounted`; in any
            order.
    """
    if not uncounted:
        return ""
    return (
        "FLOPs leave out these operations, which cannot be counted: "
        f"{', '.join(sorted(uncounted))}."
    )


def latency_ms(
    folders: Mapping[str, pathlib.Path],
    batch: Sequence[tf.Tensor],
    *,
    runs: int = 100,
) -> dict[str, float]:
    """Measures the median latency of SavedModels on a batch, in milliseconds.

    The models are called in turn, so that a machine that slows down slows all
    of them equally.

    Args:
        folders: folders of SavedModels, by name.
        batch: arguments of each model's `serve` function.
        runs: timed calls of each model, after ten that are not timed.
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
    """Measures the median time of functions on a batch, in milliseconds.

    The functions are called in turn.

    Args:
        functions: functions of tensors, by name.
        batch: arguments of each function.
        runs: timed calls of each function, after ten that are not timed.
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
    """Returns the number of threads that one operation may use."""
    configured = tf.config.threading.get_intra_op_parallelism_threads()
    return configured or len(os.sched_getaffinity(0))


def limit_threads(count: int) -> None:
    """Sets the number of threads of an operation, unless TensorFlow runs.

    Args:
        count: the number.
    """
    with contextlib.suppress(RuntimeError):  # It runs: `threads` says how.
        tf.config.threading.set_intra_op_parallelism_threads(count)


def weight_bytes(model: keras.Model) -> int:
    """Returns the number of bytes of a model's variables."""
    return sum(variable.numpy().nbytes for variable in model.variables)


def file_bytes(path: pathlib.Path) -> int:
    """Returns the size of a file, or of all files in a folder."""
    return folder_bytes(path) if path.is_dir() else path.stat().st_size


def folder_bytes(folder: pathlib.Path) -> int:
    """Returns the size of all files in a folder."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


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
    # A kernel is at least a matrix; scales and shifts are vectors.
    weighted = any(len(v.shape) > 1 for v in getattr(layer, "weights", ()))
    return int(weighted)
