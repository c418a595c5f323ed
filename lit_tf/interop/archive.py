"""Writes functions of a model as a SavedModel."""

import contextlib
import io
import pathlib
import re
from typing import Any

import keras
import tensorflow as tf

from lit_tf import errors
from lit_tf.interop.signatures import Endpoints

# What TensorFlow allows as the name of an operation.
_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_./>-]*")


def write(
    endpoints: Endpoints,
    model: keras.Model,
    path: pathlib.Path,
    *,
    preprocessor: Any = None,
) -> None:
    """Writes functions and the variables of their model, and nothing else.

    Args:
        endpoints: the functions and their inputs, by name.
        model: the model that the functions call.
        path: the folder to write.
        preprocessor: the preprocessor that they call; None for none.

    Raises:
        SettingsError: if TensorFlow does not allow the name of an input.
    """
    for _, specs in endpoints.values():
        for spec in tf.nest.flatten(specs):
            errors.require(
                _NAME.fullmatch(spec.name) is not None,
                "The name of an input of a SavedModel or a LiteRT file must "
                "have letters, digits and . _ - / alone, and begin with a "
                "letter or a digit. Rename the keras.Input.",
                input=spec.name,
            )
    archive = keras.export.ExportArchive()
    for name, (function, specs) in endpoints.items():
        archive.add_endpoint(name, function, input_signature=specs)
    # Keras tracks no layer without a build, such as a preprocessor.
    vocabulary = tf.Module()
    vocabulary.preprocessor = preprocessor
    archive.track(vocabulary)
    # The TensorFlow variables themselves: `track(model)` would save each twice.
    variables = [variable.value for variable in model.variables]
    archive.add_variable_collection("variables", variables)
    for table in _tables(model):
        archive.track(table)
    with contextlib.redirect_stdout(io.StringIO()):
        archive.write_out(str(path), verbose=False)


def _tables(model):
    """Returns the lookup tables of a model's layers."""
    return [
        value
        for layer in model._flatten_layers()
        for value in vars(layer).values()
        if isinstance(value, tf.saved_model.experimental.TrackableResource)
    ]
