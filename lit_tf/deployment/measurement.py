"""What an export is measured with: the CPU, int8's examples, latency."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from lit_tf.config.deployment import Deployment
from lit_tf.deployment import signature_values
from lit_tf.sections import cost

_LATENCY_RUNS = 100


@contextlib.contextmanager
def on_cpu() -> Iterator[None]:
    """Computes on the CPU, as LiteRT does, even if there is a GPU.

    A GPU may multiply float32 in TF32, whose outputs differ by more than the
    check of a file allows, and its latency is not that of a file on the CPU.
    """
    with tf.device("CPU:0"):
        yield


def calibration(
    how: Deployment, train: Any, signature: Any
) -> list[dict[str, np.ndarray]]:
    """Returns the training examples on which int8 is calibrated.

    Args:
        how: the settings of the export.
        train: the training split.
        signature: the signature of the model.

    Raises:
        DataError: if there are none.
    """
    if how.quantize != "int8":
        return []
    count = min(how.calibration_examples, len(train))
    chosen = np.random.default_rng(how.seed).permutation(len(train))[:count]
    examples = train.take(np.sort(chosen)).read(0, count)
    named = signature_values.named_inputs(signature, examples)
    return rows(named, count)


def rows(
    named: dict[str, np.ndarray], count: int
) -> list[dict[str, np.ndarray]]:
    """Returns each example of a batch of named inputs, `[1, ...]`."""
    return [
        {name: x[i : i + 1] for name, x in named.items()} for i in range(count)
    ]


def roles(
    functions: Mapping[str, Callable[[], Any]],
    names: Mapping[str, str],
    sizes: Mapping[str, int],
    metrics: Mapping[str, Mapping[str, float]],
) -> dict[str, dict[str, Any]]:
    """Returns what is reported of teacher, model and export, by role.

    Args:
        functions: functions that run one example; they are called in turn.
        names: the names of the models and files.
        sizes: their bytes.
        metrics: their metrics, if they have some.

    Returns:
        `name`, the metrics, `bytes` and `latency_ms`, the median time.
    """
    latency = cost.medians_ms(functions, [], runs=_LATENCY_RUNS)
    return {
        role: {
            "name": names[role],
            **metrics.get(role, {}),
            "bytes": sizes[role],
            "latency_ms": latency[role],
        }
        for role in functions
    }
