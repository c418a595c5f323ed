"""From a student to a SavedModel that needs nothing of ours."""

import contextlib
import io
import os
import pathlib

import keras
import numpy as np
import tensorflow as tf

from lit_tf import errors, files, sectioned

_TOLERANCE = 1e-3


def write(
    model: keras.Model, path: str | os.PathLike, examples: np.ndarray
) -> float:
    """Writes a float32 SavedModel and checks that it answers alike.

    It takes raw inputs, a batch of any size, and returns a dictionary of
    `logits` and `probabilities`, `[batch, classes]`, as endpoint `serve` and as
    signature `serving_default`. It holds the model's variables and no others,
    in float32 whatever the model was trained in, and loads where this package
    is not installed.

    Args:
        model: raw inputs → logits.
        path: the folder; replaced if it is there.
        examples: raw inputs `[batch, ...]` to check with.

    Returns:
        The largest difference between a logit of the SavedModel and the
        model's own, in float32.

    Raises:
        DataError: the two do not answer alike; nothing is written.
    """
    plain = sectioned.with_policy(model, "float32")
    path = pathlib.Path(path)
    with files.whole(path) as partial:
        _write(plain, partial)
        reloaded = tf.saved_model.load(str(partial))
        examples = tf.constant(examples, tf.float32)
        ours = plain(examples, training=False).numpy()
        theirs = reloaded.serve(examples)["logits"].numpy()
        difference = float(np.max(np.abs(ours - theirs)))
        if not difference <= _TOLERANCE * max(1.0, float(np.abs(ours).max())):
            raise errors.DataError(
                "The SavedModel does not answer as the student does: logits "
                f"differ by up to {difference:.3g}. Nothing was written."
            )
    return difference


class _Saved:
    """A SavedModel that can be asked like the model it was written from."""

    def __init__(self, path):
        self._loaded = tf.saved_model.load(str(path))
        self.name = pathlib.Path(path).name
        signature = self._loaded.signatures["serving_default"]
        (spec,) = signature.structured_input_signature[1].values()
        self.input_shape = tuple(spec.shape)
        self.output_shape = tuple(signature.structured_outputs["logits"].shape)

    def __call__(self, inputs, training=False):
        del training  # It cannot but infer.
        return self._loaded.serve(tf.cast(inputs, tf.float32))["logits"]


def read(path: str | os.PathLike) -> _Saved:
    """Reads a SavedModel that `write` wrote: a function, inputs → logits.

    Raises:
        DataError: the folder holds none, or another's.
    """
    try:
        return _Saved(path)
    except Exception as error:  # TensorFlow raises whatever it stumbles on.
        raise errors.DataError(
            f"{path} is not a SavedModel that lit-export wrote ({error})."
        ) from error


def _write(model, path):
    (tensor,) = model.inputs
    spec = tf.TensorSpec([None, *tensor.shape[1:]], tf.float32, name="inputs")

    def serve(inputs):
        logits = model(inputs, training=False)
        return {"logits": logits, "probabilities": tf.nn.softmax(logits)}

    archive = keras.export.ExportArchive()
    archive.add_endpoint("serve", serve, input_signature=[spec])
    # The TensorFlow variables themselves: `track(model)` would save each twice.
    variables = [variable.value for variable in model.variables]
    archive.add_variable_collection("variables", variables)
    with contextlib.redirect_stdout(io.StringIO()):
        archive.write_out(str(path), verbose=False)
