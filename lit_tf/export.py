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
_CODED = "serve_codes"


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
    signature, `serve_codes`, for texts that are encoded already.

    Args:
        model: inputs as a data set has them → logits.
        path: the folder; replaced if it is there.
        examples: inputs `[batch, ...]` to check with.

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
        ours = plain(tf.constant(examples), training=False).numpy()
        theirs = reloaded.serve(raw(plain, examples))["logits"].numpy()
        difference = float(np.max(np.abs(ours - theirs)))
        if not difference <= _TOLERANCE * max(1.0, float(np.abs(ours).max())):
            raise errors.DataError(
                "The SavedModel does not answer as the student does: logits "
                f"differ by up to {difference:.3g}. Nothing was written."
            )
    return difference


def raw(model: keras.Model, examples: np.ndarray) -> tf.Tensor:
    """Returns examples of a data set as the exported model is served them.

    Args:
        model: the model, not yet exported.
        examples: `[batch, ...]`.

    Returns:
        Pixels in float32; of codes, texts that have them.
    """
    reader = sectioned.reader(model)
    if reader is None:
        return tf.constant(examples, tf.float32)
    return reader.decode(tf.constant(examples))


class _Saved:
    """A SavedModel that can be asked like the model it was written from."""

    def __init__(self, path):
        self._loaded = tf.saved_model.load(str(path))
        self.name = pathlib.Path(path).name
        # A data set has codes, not texts.
        coded = _CODED in self._loaded.signatures
        endpoint = _CODED if coded else "serving_default"
        self._answer = self._loaded.signatures[endpoint]
        ((self._name, spec),) = self._answer.structured_input_signature[
            1
        ].items()
        self._dtype = spec.dtype
        self.input_shape = tuple(spec.shape)
        outputs = self._answer.structured_outputs
        self.output_shape = tuple(outputs["logits"].shape)

    def __call__(self, inputs, training=False):
        del training  # It cannot but infer.
        inputs = tf.cast(inputs, self._dtype)
        return self._answer(**{self._name: inputs})["logits"]


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
    def answer(inputs):
        logits = model(inputs, training=False)
        return {"logits": logits, "probabilities": tf.nn.softmax(logits)}

    def read(texts):
        return answer(reader.encode(texts))

    (tensor,) = model.inputs
    shape = [None, *tensor.shape[1:]]
    reader = sectioned.reader(model)
    if reader is None:
        pixels = tf.TensorSpec(shape, tf.float32, name="inputs")
        endpoints = {"serve": (answer, pixels)}
    else:
        texts = tf.TensorSpec([None], tf.string, name="texts")
        codes = tf.TensorSpec(shape, tf.int32, name="codes")
        endpoints = {"serve": (read, texts), _CODED: (answer, codes)}

    archive = keras.export.ExportArchive()
    for name, (function, spec) in endpoints.items():
        archive.add_endpoint(name, function, input_signature=[spec])
    # The TensorFlow variables themselves: `track(model)` would save each twice.
    variables = [variable.value for variable in model.variables]
    archive.add_variable_collection("variables", variables)
    with contextlib.redirect_stdout(io.StringIO()):
        archive.write_out(str(path), verbose=False)
