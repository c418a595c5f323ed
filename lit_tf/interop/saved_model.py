"""From a student to a SavedModel that needs nothing of ours."""

import contextlib
import io
import os
import pathlib

import keras
import numpy as np
import tensorflow as tf

from lit_tf import errors
from lit_tf.interop import signatures
from lit_tf.sections import sectioned_model
from lit_tf.utils import atomic_files


def write(
    model: keras.Model, path: str | os.PathLike, examples: np.ndarray
) -> float:
    """Writes a float32 SavedModel and checks that it answers alike.

    It takes raw inputs, a batch of any size, and returns a dictionary of
    `logits` and `probabilities`, `[batch, classes]`, as endpoint `serve` and as
    signature `serving_default`. It holds the model's variables and no others,
    in float32 whatever the model was trained in, and loads where this package
    is not installed.

    A model of texts is served strings, `[batch]`. It has a second endpoint and
    signature, `serve_codes`, for texts that are encoded already. A generator is
    served pictures in bytes and target attributes, and answers with pictures in
    bytes.

    Args:
        model: inputs as a data set has them → logits or pictures.
        path: the folder; replaced if it is there.
        examples: inputs `[batch, ...]` to check with.

    Returns:
        The largest difference between a logit of the SavedModel and the
        model's own, in float32; of pictures, between two bytes.

    Raises:
        DataError: the two do not answer alike; nothing is written.
    """
    front = signatures.of(sectioned_model.with_policy(model, "float32"))
    path = pathlib.Path(path)
    with atomic_files.whole(path) as partial:
        _write(front, partial)
        reloaded = tf.saved_model.load(str(partial))
        difference = front.gap(reloaded.serve, examples)
        if not difference <= front.tolerance:
            raise errors.DataError(
                "The SavedModel does not answer as the student does: they "
                f"differ by up to {difference:.3g}. Nothing was written."
            )
    return difference


def served(model: keras.Model, examples: np.ndarray) -> tuple[tf.Tensor, ...]:
    """Returns examples `[batch, ...]` as the exported model is served them."""
    return signatures.of(model).served(examples)


class _Saved:
    """A SavedModel that can be asked like the model it was written from."""

    def __init__(self, path):
        self._loaded = tf.saved_model.load(str(path))
        self.name = pathlib.Path(path).name
        # A data set has codes, not texts.
        coded = signatures.CODED in self._loaded.signatures
        endpoint = signatures.CODED if coded else "serving_default"
        self._answer = self._loaded.signatures[endpoint]
        ((self._name, spec),) = self._answer.structured_input_signature[
            1
        ].items()
        self._dtype = spec.dtype
        self.inputs = (spec,)
        outputs = self._answer.structured_outputs
        self.output_shape = tuple(outputs["logits"].shape)

    def __call__(self, inputs, training=False):
        del training  # It cannot but infer.
        inputs = tf.cast(inputs, self._dtype)
        return self._answer(**{self._name: inputs})["logits"]


def read(path: str | os.PathLike) -> _Saved:
    """Reads a classifier's SavedModel: a function, inputs → logits.

    Raises:
        DataError: the folder holds none, or another's.
    """
    try:
        return _Saved(path)
    except Exception as error:  # TensorFlow raises whatever it stumbles on.
        raise errors.DataError(
            f"{path} is not a classifier's SavedModel that lit-export wrote "
            f"({errors.line(error)})."
        ) from error


def _write(front, path):
    archive = keras.export.ExportArchive()
    for name, (function, specs) in front.endpoints().items():
        archive.add_endpoint(name, function, input_signature=specs)
    # The TensorFlow variables themselves: `track(model)` would save each twice.
    variables = [variable.value for variable in front.model.variables]
    archive.add_variable_collection("variables", variables)
    with contextlib.redirect_stdout(io.StringIO()):
        archive.write_out(str(path), verbose=False)
