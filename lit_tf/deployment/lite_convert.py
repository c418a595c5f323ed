"""Conversion of a model to a LiteRT file, in float or quantized."""

import pathlib
import re
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from lit_tf import errors
from lit_tf.deployment import lite_model
from lit_tf.interop import archive, signatures
from lit_tf.utils import quiet

Named = Mapping[str, np.ndarray]

# TensorFlow's calibration ends the process at these operations.
_CONTROL_FLOW = {"WHILE", "IF"}
_LACKING = re.compile(r"^(?:Custom|Flex|TF Select) ops: (.+)$", re.MULTILINE)


def convert(
    signature: Any,
    example: Named,
    *,
    quantize: str = "none",
    calibration: Sequence[Named] = (),
    integer_io: bool = False,
) -> bytes:
    """Converts a model to the bytes of a LiteRT file.

    The file takes one example, `[1, ...]`, because a graph of known shapes runs
    on every accelerator. It has LiteRT's own operations alone. Its signature
    `serving_default` has the inputs and outputs of the SavedModel, without
    strings.

    Args:
        signature: the signature of a float32 model.
        example: one example, `[1, ...]` by name, whose shape the file takes.
        quantize: "none" for float32; "float16", weights in half precision;
            "dynamic", weights in int8 and activations quantized as the file
            runs; "int8", both in int8, with ranges from the calibration.
        calibration: for "int8", examples of the same form.
        integer_io: for "int8", whether inputs and outputs are int8 too.

    Raises:
        SettingsError: if LiteRT lacks an operation, or lacks it in int8.
        DataError: if there is nothing to calibrate on.
    """
    if quantize == "int8" and not calibration:
        raise errors.DataError(
            "int8 needs examples to calibrate the ranges of activations on. "
            "Received: none."
        )
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / "saved_model"
        _, function, specs = signatures.of_numbers(signature)
        fixed = tf.nest.map_structure(
            lambda spec: tf.TensorSpec(
                example[spec.name].shape, spec.dtype, name=spec.name
            ),
            specs,
        )
        archive.write({"serve": (function, fixed)}, signature.model, folder)
        converter = _converter(folder)
        if quantize == "int8":
            found = lite_model.operations(_run(converter, quantize))
            _check(found & _CONTROL_FLOW)
            converter = _converter(folder)
        _set(converter, quantize, calibration, integer_io)
        content = _run(converter, quantize)
    if quantize == "int8":
        _check(lite_model.float_operations(content))
    return content


def _converter(folder):
    return tf.lite.TFLiteConverter.from_saved_model(
        str(folder), signature_keys=["serving_default"]
    )


def _set(converter, quantize, calibration, integer_io):
    if quantize != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantize == "int8":
        converter.representative_dataset = lambda: iter(calibration)
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS_INT8
        ]
        if integer_io:
            converter.inference_input_type = tf.int8
            converter.inference_output_type = tf.int8


def _run(converter, quantize):
    """Converts, and names the operations that LiteRT lacks."""
    try:
        with warnings.catch_warnings(), quiet.stderr():
            # TensorFlow calibrates with an interpreter that it deprecates.
            warnings.simplefilter("ignore")
            return converter.convert()
    except Exception as error:  # The converter raises many kinds.
        lacking = _LACKING.search(str(error))
        reason = (
            f"LiteRT lacks the operations {lacking[1]}"
            if lacking
            else errors.line(error)
        )
        raise errors.SettingsError(
            "The model cannot be converted to LiteRT "
            f"(quantize={quantize!r}): {reason}."
        ) from error


def _check(names):
    """Refuses operations that have no int8 form.

    Args:
        names: their names; none if all have one.
    """
    if names:
        raise errors.SettingsError(
            f"LiteRT has no int8 form of {', '.join(sorted(names))}, which the "
            "model computes. quantize='dynamic' or 'float16' leaves such "
            "operations in float."
        )
