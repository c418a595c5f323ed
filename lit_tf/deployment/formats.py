"""Formats of an export: how a file is written, checked, opened and called."""

import copy
import pathlib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf import errors
from lit_tf.config.deployment import KINDS, SUFFIXES, Deployment
from lit_tf.deployment import (
    agreement,
    lite_convert,
    lite_model,
    lite_predictor,
    signature_values,
)
from lit_tf.interop import saved_model, signatures
from lit_tf.sections import functional, model_files
from lit_tf.utils import atomic_files


class Format:
    """A format. A subclass says how its files are written and opened.

    Args:
        how: the settings of the export, with this format.
    """

    def __init__(self, how: Deployment):
        self._how = how

    def check_target(self, path: str, overwrite: bool) -> pathlib.Path:
        """Returns the path to write, if it can be written.

        Args:
            path: the path of the file or folder.
            overwrite: whether an existing file of the same format is replaced.

        Raises:
            SettingsError: if the package that runs the file is missing.
            DataError: if the path exists or cannot be written to.
        """
        self._require_runtime()
        target = pathlib.Path(path).resolve()
        if SUFFIXES[self._how.format]:
            atomic_files.check_writable(target)
        if target.exists():
            if not overwrite:
                raise errors.DataError(
                    f"{target} exists. In Python overwrite=True replaces it, "
                    "on the command line --overwrite replaces it."
                )
            if not self._is_one(target):
                raise errors.DataError(
                    f"{target} is not a {KINDS[self._how.format]}, and nothing "
                    "else is replaced."
                )
        return target

    def write(
        self,
        target: pathlib.Path,
        signature: Any,
        examples: Any,
        calibrated_on: Sequence[dict[str, np.ndarray]] = (),
        *,
        classes: bool,
    ) -> dict[str, Any]:
        """Writes a file and compares its outputs with those of the model.

        Args:
            target: the path to write.
            signature: the signature of the model, float32.
            examples: examples for the comparison, `[batch, ...]`.
            calibrated_on: examples to calibrate int8 on.
            classes: whether the model tells exclusive classes apart: by its
                output `probabilities`, or by its only one.

        Returns:
            `max_difference`, the largest difference of an output;
            `checked_on`, the number of examples; for `classes`, except in a
            SavedModel, `same_class`, the fraction of them for which both have
            the same most probable class.

        Raises:
            SettingsError: if LiteRT lacks an operation, or a layer of a
                .keras file is not registered.
            DataError: if a float32 file has other outputs than the model, or
                any file has an output that is not finite. Nothing is written.
        """
        with atomic_files.whole(target) as partial:
            self._write(partial, signature, examples, calibrated_on)
            expected = signature_values.outputs_of(signature, examples)
            actual = self.outputs(partial, signature)(examples)
            found = agreement.checked(self._how, expected, actual)
        return {
            "max_difference": found,
            "checked_on": len(tf.nest.flatten(examples)[0]),
            **(agreement.same_class(expected, actual) if classes else {}),
        }

    def outputs(
        self, target: pathlib.Path, signature: Any
    ) -> Callable[[Any], dict[str, np.ndarray]]:
        """Returns a file as a function of examples to outputs by their names.

        Args:
            target: the file.
            signature: the signature with which it was written.
        """
        again = self._reopened(target, signature)
        return lambda examples: signature_values.outputs_of(again, examples)

    def latency_function(
        self, target: pathlib.Path, signature: Any, example: Any
    ) -> Callable[[], Any]:
        """Returns a function that runs a file on one example.

        Args:
            target: the file.
            signature: the signature of the model.
            example: `[1, ...]`, nested as in the dataset.
        """
        return model_function(self._reopened(target, signature), example)

    def predictor(
        self, target: pathlib.Path, signature: Any, output: str
    ) -> Callable[[Any], Any]:
        """Returns a file as a function of examples to logits or vectors.

        Args:
            target: the file.
            signature: the signature with which it was written.
            output: the name of the output that the task reads.
        """
        raise NotImplementedError

    def _require_runtime(self):
        """Raises an error if the package that runs the file is missing."""

    def _is_one(self, path):
        """Returns whether a path is a file of this format."""
        raise NotImplementedError

    def _write(self, partial, signature, examples, calibrated_on):
        """Writes a file, unchecked."""
        raise NotImplementedError

    def _reopened(self, target, signature):
        """Returns the signature of what a file holds."""
        raise NotImplementedError


class SavedModel(Format):
    """A folder for TensorFlow Serving."""

    _FILES = {
        "saved_model.pb",
        "variables",
        "assets",
        saved_model.EXTRA,
        "fingerprint.pb",
    }

    def write(self, target, signature, examples, calibrated_on=(), *, classes):
        """Writes a SavedModel as `Format.write`, but without `same_class`."""
        # It also checks strings, and writes what a reader of strings needs.
        found = saved_model.write_signature(signature, target, examples)
        count = len(tf.nest.flatten(examples)[0])
        return {"max_difference": found, "checked_on": count}

    def predictor(self, target, signature, output):
        return saved_model.read(target)

    def _is_one(self, path):
        content = {p.name for p in path.iterdir()} if path.is_dir() else {""}
        # An empty folder is replaced too.
        return content <= self._FILES and (
            not content or "saved_model.pb" in content
        )

    def _reopened(self, target, signature):
        name, _, specs = signatures.of_numbers(signature)
        loaded = tf.saved_model.load(str(target))

        def serve(*inputs):  # It keeps the variables of `loaded` alive.
            return getattr(loaded, name)(*inputs)

        again = copy.copy(signature)
        again.endpoints = lambda: {name: (serve, specs)}
        return again


class KerasFile(Format):
    """A `.keras` file, which Keras opens without this package."""

    def predictor(self, target, signature, output):
        return model_files.load(target)

    def _is_one(self, path):
        return zipfile.is_zipfile(path)

    def _write(self, partial, signature, examples, calibrated_on):
        for layer in signature.model._flatten_layers(include_self=False):
            name = keras.saving.get_registered_name(type(layer))
            errors.require(
                functional.is_known(layer)
                or keras.saving.get_registered_object(name) is not None,
                f"Keras cannot load a file with layer {layer.name!r}, whose "
                "class is not registered. Decorate it with "
                "@keras.saving.register_keras_serializable(). Nothing was "
                "written.",
                layer=type(layer).__name__,
            )
        model_files.write(signature.model, partial)

    def _reopened(self, target, signature):
        again = copy.copy(signature)
        again.model = keras.models.load_model(target, compile=False)
        return again


class LiteRT(Format):
    """A `.tflite` file for phones and small devices."""

    def outputs(self, target, signature):
        lite = lite_model.LiteModel(target, threads=self._how.threads)
        named = signature_values.named_inputs
        return lambda examples: lite(named(signature, examples))

    def latency_function(self, target, signature, example):
        lite = lite_model.LiteModel(target, threads=self._how.threads)
        named = signature_values.named_inputs(signature, example)
        return lambda: lite.one(named)

    def predictor(self, target, signature, output):
        return lite_predictor.LitePredictor(
            target,
            signature,
            output=output,
            size=signature.model.output_shape[-1],
            threads=self._how.threads,
        )

    def _require_runtime(self):
        lite_model.require_runtime()

    def _is_one(self, path):
        with path.open("rb") as file:
            return file.read(8)[4:] == b"TFL3"

    def _write(self, partial, signature, examples, calibrated_on):
        first = tf.nest.map_structure(lambda x: x[:1], examples)
        content = lite_convert.convert(
            signature,
            signature_values.named_inputs(signature, first),
            quantize=self._how.quantize,
            calibration=calibrated_on,
            integer_io=self._how.integer_io,
        )
        partial.write_bytes(content)


_FORMATS: Mapping[str, type[Format]] = {
    "saved_model": SavedModel,
    "keras": KerasFile,
    "litert": LiteRT,
}


def of(how: Deployment) -> Format:
    """Returns the format of the settings of an export."""
    return _FORMATS[how.format](how)


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
