"""Export of a student to a SavedModel that needs TensorFlow alone."""

import contextlib
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from lit_tf import errors
from lit_tf.interop import archive, signatures
from lit_tf.sections import copying, structure
from lit_tf.utils import atomic_files

# The folder for files that belong to a SavedModel and that TensorFlow ignores.
EXTRA = "assets.extra"
CLASSES = f"{EXTRA}/classes.txt"


def write(
    model: keras.Model,
    path: str | os.PathLike,
    examples: Any,
    *,
    preprocessor: keras.layers.Layer | None = None,
    output: str = "logits",
    classes: Sequence[str] = (),
) -> float:
    """Writes a float32 SavedModel and compares its outputs with the model's.

    The SavedModel takes raw inputs in batches of any size. It returns a
    dictionary of `logits` and `probabilities`, `[batch, classes]`, at endpoint
    `serve` and at signature `serving_default`. It contains the model's
    variables alone, in float32 regardless of the policy in training. It loads
    where this package is not installed. Of a model of several inputs it takes
    a dictionary of them by name at endpoint `serve`, and the same as keyword
    arguments at signature `serving_default`. Of an encoder it returns
    `embedding`, `[batch, size]`, alone.

    A text classifier takes strings, `[batch]`. Its second endpoint and
    signature, `serve_codes`, takes encoded texts. A generator takes images in
    bytes and target attributes, and returns images in bytes.

    With names of the classes there is a third output, `class_name`, the name of
    the most probable class, `[batch]`. The file `assets.extra/classes.txt` has
    a name in each line, by label.

    Args:
        model: a model that takes inputs of a dataset and returns logits,
            vectors or images.
        path: the folder to write; an existing one is replaced.
        examples: inputs for the comparison, `[batch, ...]`, nested as in a
            dataset.
        preprocessor: a preprocessor of KerasHub, strings → the inputs of the
            model, which becomes a part of the SavedModel: `serve` takes
            strings, and `serve_token_ids` the inputs. It is loaded after
            `import tensorflow_text`. None for the inputs alone.
        output: what a model other than a generator returns: "logits" (default)
            or "embedding".
        classes: names of the classes by label; () if they have none.

    Returns:
        The largest difference between a number of the SavedModel and of the
        model, in float32; for a generator, between two bytes.

    Raises:
        DataError: if the difference exceeds the tolerance. Nothing is written.
    """
    float32 = copying.copy_model(model, policy="float32")
    signature = signatures.signature_of(
        float32, preprocessor, output=output, classes=classes
    )
    return write_signature(signature, pathlib.Path(path), examples)


def write_signature(
    signature: signatures.VectorSignature | signatures.GeneratorSignature,
    path: pathlib.Path,
    examples: Any,
) -> float:
    """Writes a SavedModel of a float32 model as `write` does.

    Args:
        signature: the signature of the model.
        path: the folder to write; an existing one is replaced.
        examples: inputs for the comparison, `[batch, ...]`.

    Returns:
        The largest difference, as `write`.

    Raises:
        DataError: if the difference exceeds the tolerance. Nothing is written.
    """
    with atomic_files.whole(path) as partial:
        _write(signature, partial)
        reloaded = tf.saved_model.load(str(partial))
        checked = getattr(reloaded, signature.checked)
        difference = signature.difference(checked, examples)
        if not difference <= signature.tolerance:
            raise errors.DataError(
                "The outputs of the SavedModel differ from those of the "
                f"model by up to {difference:.3g}. Nothing was written."
            )
    return difference


def served(model: keras.Model, examples: Any) -> tuple[Any, ...]:
    """Converts examples of a dataset to arguments of the exported model.

    Args:
        model: the model that is exported.
        examples: `[batch, ...]`, nested as in the dataset.
    """
    return signatures.signature_of(model).serving_inputs(examples)


class ServedModel:
    """A SavedModel of a classifier or an encoder, called like its model."""

    def __init__(self, path):
        self._loaded = tf.saved_model.load(str(path))
        self.name = pathlib.Path(path).name
        # Examples of a dataset of texts are codes, not strings.
        endpoints = (signatures.CODES, signatures.TOKEN_IDS, "serving_default")
        self._predict = next(
            self._loaded.signatures[endpoint]
            for endpoint in endpoints
            if endpoint in self._loaded.signatures
        )
        _, self._specs = self._predict.structured_input_signature
        one, *others = self.inputs = tuple(self._specs.values())
        self.input = self._specs if others else one
        outputs = self._predict.structured_outputs
        self._output = next(
            name for name in signatures.OUTPUTS if name in outputs
        )
        self.output_shape = tuple(outputs[self._output].shape)

    def __call__(self, inputs, training=False):
        del training  # A SavedModel runs in inference mode alone.
        named = structure.by_name(self, inputs)
        cast = {
            name: tf.cast(named[name], spec.dtype)
            for name, spec in self._specs.items()
        }
        return self._predict(**cast)[self._output]


def read(path: str | os.PathLike) -> ServedModel:
    """Reads a SavedModel as a function of inputs to logits or to vectors.

    Args:
        path: the folder that `write` wrote.

    Raises:
        DataError: if the folder does not hold such a SavedModel.
    """
    try:
        # A SavedModel that takes strings may have operations of this package.
        with contextlib.suppress(ImportError):
            import tensorflow_text as _  # noqa: F401
        return ServedModel(path)
    except Exception as error:  # TensorFlow raises many kinds of errors.
        raise errors.DataError(
            f"{path} is not a SavedModel that lit-export wrote of a classifier "
            f"or an encoder ({errors.line(error)})."
        ) from error


def _write(signature, path):
    archive.write(
        signature.endpoints(),
        signature.model,
        path,
        preprocessor=signature.preprocessor,
    )
    if signature.classes:
        file = path / CLASSES
        file.parent.mkdir()
        lines = (" ".join(name.splitlines()) for name in signature.classes)
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
