"""Inputs and outputs of a model by the names in its signature."""

from typing import Any

import numpy as np
import tensorflow as tf

from lit_tf.interop import signatures


def named_inputs(signature: Any, examples: Any) -> dict[str, np.ndarray]:
    """Returns examples as the inputs of a LiteRT file, by name.

    Args:
        signature: the signature of the model (see `signatures.signature_of`).
        examples: `[batch, ...]`, nested as in the dataset.
    """
    _, _, specs = signatures.of_numbers(signature)
    values = list(signature.number_inputs(examples))
    return {
        spec.name: np.asarray(value)
        for spec, value in zip(
            tf.nest.flatten(specs), tf.nest.flatten(values), strict=True
        )
    }


def outputs_of(signature: Any, examples: Any) -> dict[str, np.ndarray]:
    """Returns the numbers that a model returns, by the names in its signature.

    Args:
        signature: the signature of the model.
        examples: `[batch, ...]`, nested as in the dataset.
    """
    _, function, _ = signatures.of_numbers(signature)
    outputs = function(*signature.number_inputs(examples))
    if not isinstance(outputs, dict):
        outputs = {"output_0": outputs}
    return {name: np.asarray(value) for name, value in outputs.items()}
