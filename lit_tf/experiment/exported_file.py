"""A model as a file for its place of use: written, checked, called."""

import contextlib
import copy
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf import errors
from lit_tf.config.deployment import Deployment
from lit_tf.interop import (
    lite_convert,
    lite_model,
    lite_predictor,
    saved_model,
    signatures,
)
from lit_tf.sections import cost, functional, model_files
from lit_tf.utils import atomic_files

# Of a float32 file, relative to the largest output, or absolute below 1.
_TOLERANCE = 1e-4
_LATENCY_RUNS = 100


@contextlib.contextmanager
def on_cpu() -> Iterator[None]:
    """Computes on the CPU, as LiteRT does, even if there is a GPU.

    A GPU may multiply float32 in TF32, whose answers differ by more than the
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
    named = lite_predictor.named_inputs(signature, examples)
    return rows(named, count)


def rows(
    named: dict[str, np.ndarray], count: int
) -> list[dict[str, np.ndarray]]:
    """Returns each example of a batch of named inputs, `[1, ...]`."""
    return [
        {name: x[i : i + 1] for name, x in named.items()} for i in range(count)
    ]


def write(
    how: Deployment,
    target: pathlib.Path,
    signature: Any,
    examples: Any,
    calibrated_on: Sequence[dict[str, np.ndarray]] = (),
    *,
    classes: bool,
) -> dict[str, Any]:
    """Writes a file and compares its answers with those of the model.

    Args:
        how: the settings of the export.
        target: the path to write.
        signature: the signature of the model, float32.
        examples: examples for the comparison, `[batch, ...]`.
        calibrated_on: examples to calibrate int8 on.
        classes: whether the model tells exclusive classes apart: by its output
            `probabilities`, or by its only one.

    Returns:
        `max_difference`, the largest difference of an output; `checked_on`, the
        number of examples; for `classes` `same_class`, the fraction of them
        for which both have the same most probable class.

    Raises:
        SettingsError: if LiteRT lacks an operation, or a layer of a
            .keras file is not registered.
        DataError: if a float32 file has other answers than the model, or any
            file has an answer that is not finite. Nothing is written.
    """
    count = len(tf.nest.flatten(examples)[0])
    if how.format == "saved_model":
        found = saved_model.write_signature(signature, target, examples)
        return {"max_difference": found, "checked_on": count}
    with atomic_files.whole(target) as partial:
        if how.format == "keras":
            _write_keras(signature.model, partial)
        else:
            first = tf.nest.map_structure(lambda x: x[:1], examples)
            content = lite_convert.convert(
                signature,
                lite_predictor.named_inputs(signature, first),
                quantize=how.quantize,
                calibration=calibrated_on,
                integer_io=how.integer_io,
            )
            partial.write_bytes(content)
        expected = lite_predictor.outputs_of(signature, examples)
        actual = answers(how, partial, signature)(examples)
        return {
            "max_difference": _difference(how, expected, actual),
            "checked_on": count,
            **(_same_class(expected, actual) if classes else {}),
        }


def answers(
    how: Deployment, target: pathlib.Path, signature: Any
) -> Callable[[Any], dict[str, np.ndarray]]:
    """Returns a file as a function of examples to outputs by their names.

    Args:
        how: the settings of the export.
        target: the file.
        signature: the signature with which it was written.
    """
    if how.format == "litert":
        lite = lite_model.LiteModel(target, threads=how.threads)
        named = lite_predictor.named_inputs
        return lambda examples: lite(named(signature, examples))
    again = _reopened(how, target, signature)
    return lambda examples: lite_predictor.outputs_of(again, examples)


def latency_function(
    how: Deployment, target: pathlib.Path, signature: Any, example: Any
) -> Callable[[], Any]:
    """Returns a function that runs a file on one example.

    Args:
        how: the settings of the export.
        target: the file.
        signature: the signature of the model.
        example: `[1, ...]`, nested as in the dataset.
    """
    if how.format == "litert":
        lite = lite_model.LiteModel(target, threads=how.threads)
        named = lite_predictor.named_inputs(signature, example)
        return lambda: lite.one(named)
    return model_function(_reopened(how, target, signature), example)


def latencies_ms(
    functions: Mapping[str, Callable[[], Any]],
) -> dict[str, float]:
    """Returns the median time of functions that run one example, in ms.

    Args:
        functions: the functions, by name; they are called in turn.
    """
    return cost.medians_ms(functions, [], runs=_LATENCY_RUNS)


def model_function(signature: Any, example: Any) -> Callable[[], Any]:
    """Returns a function that runs a Keras model on one example, compiled.

    Args:
        signature: the signature of the model.
        example: `[1, ...]`, nested as in the dataset.
    """
    _, function, _ = signatures.of_numbers(signature)
    compiled = tf.function(function, autograph=False)
    inputs = signature.number_inputs(example)
    return lambda: compiled(*inputs)


def _write_keras(model, partial):
    """Writes a .keras file that Keras can load.

    Raises:
        SettingsError: if it could not.
    """
    for layer in model._flatten_layers(include_self=False):
        name = keras.saving.get_registered_name(type(layer))
        errors.require(
            functional.is_known(layer)
            or keras.saving.get_registered_object(name) is not None,
            f"Keras cannot load a file with layer {layer.name!r}, whose class "
            "is not registered. Decorate it with "
            "@keras.saving.register_keras_serializable(). Nothing was written.",
            layer=type(layer).__name__,
        )
    model_files.write(model, partial)


def _reopened(how, target, signature):
    """Returns the signature of what a file of Keras or TensorFlow holds."""
    again = copy.copy(signature)
    if how.format == "keras":
        again.model = keras.models.load_model(target, compile=False)
    else:
        name, _, specs = signatures.of_numbers(signature)
        loaded = tf.saved_model.load(str(target))

        def serve(*inputs):  # It keeps the variables of `loaded` alive.
            return getattr(loaded, name)(*inputs)

        again.endpoints = lambda: {name: (serve, specs)}
    return again


def _difference(how, expected, actual):
    """Returns the largest difference of an output, if it is allowed."""
    scale, largest = 1.0, 0.0
    for name, wanted in expected.items():
        wanted = wanted.astype(np.float32)
        distance = np.abs(wanted - actual[name].astype(np.float32)).max()
        if not np.isfinite(distance):
            raise errors.DataError(
                f"An answer of the {how.name} file is not finite. Nothing was "
                "written."
            )
        scale = max(scale, float(np.abs(wanted).max()))
        largest = max(largest, float(distance))
    in_bytes = all(one.dtype.kind in "ui" for one in expected.values())
    allowed = 1.0 if in_bytes else _TOLERANCE * scale
    if how.quantize == "none" and largest > allowed:
        raise errors.DataError(
            f"The answers of the {how.name} file differ from those of the "
            f"model by up to {largest:.3g}. Nothing was written."
        )
    return largest


def _same_class(expected, actual):
    """Returns the fraction of examples with the same most probable class."""
    (name,) = expected if len(expected) == 1 else ("probabilities",)
    same = expected[name].argmax(-1) == actual[name].argmax(-1)
    return {"same_class": float(np.mean(same))}
