"""Latency of the exported students of several runs, measured in turn."""

import pathlib
from collections.abc import Sequence

import tensorflow as tf

from lit_tf import errors
from lit_tf.sections import cost

_RUNS = 100


def of_runs(folders: Sequence[pathlib.Path]) -> dict[pathlib.Path, float]:
    """Returns the median latency of each student on one example of zeros.

    All are called in turn in this process, in milliseconds. If one cannot be,
    this is printed, and the result is empty.

    Args:
        folders: run folders with the SavedModels of the students.
    """
    models, functions = {}, {}
    for folder in folders:
        try:
            models[folder] = tf.saved_model.load(str(folder / "saved_model"))
            functions[folder] = _call(models[folder])
            functions[folder]()
        except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
            print(
                f"latency   not measured: the SavedModel in {folder} cannot be "
                f"used ({errors.line(error)})",
                flush=True,
            )
            return {}
    return cost.medians_ms(functions, (), runs=_RUNS)


def _call(model):
    """Returns a function that runs the signature of a model on zeros."""
    signature = model.signatures["serving_default"]
    _, named = signature.structured_input_signature
    zeros = {
        name: tf.zeros([size or 1 for size in spec.shape], spec.dtype)
        if spec.dtype is not tf.string
        else tf.fill([size or 1 for size in spec.shape], "")
        for name, spec in named.items()
    }
    return lambda: signature(**zeros)
