"""`derive`: the kind of a model's outputs, from its loss and its labels."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from lit_tf import errors
from lit_tf.losses import keras_losses
from lit_tf.outputs.classes import Classes
from lit_tf.outputs.embeddings import Embeddings
from lit_tf.outputs.kind import Outputs
from lit_tf.outputs.labels import Labels
from lit_tf.outputs.several import Several
from lit_tf.outputs.values import Values
from lit_tf.sections import softmax, structure

# Losses of numbers, by class and by function.
_SQUARED = ("mean_squared_error", "MeanSquaredError")
_OF_VALUES = (
    *_SQUARED,
    "mean_absolute_error",
    "MeanAbsoluteError",
    "mean_absolute_percentage_error",
    "MeanAbsolutePercentageError",
    "mean_squared_logarithmic_error",
    "MeanSquaredLogarithmicError",
    "huber",
    "Huber",
    "log_cosh",
    "LogCosh",
)
_PLAIN = (
    "sparse_categorical_crossentropy",
    "SparseCategoricalCrossentropy",
    "categorical_crossentropy",
    "CategoricalCrossentropy",
    "binary_crossentropy",
    "BinaryCrossentropy",
)
# Of a loss, what is no property of the task.
_ASIDE = ("from_logits", "name", "reduction", "dtype", "fn")


def derive(
    model: keras.Model,
    labels: Any,
    loss: Any = None,
    loss_weights: Any = None,
    *,
    alpha: float,
    temperature: float,
    tell: Callable[[str], None] = print,
) -> Outputs:
    """Returns the kind of a model's outputs.

    The loss that the model was compiled with decides. Without one, it is the
    last activation, and then the labels: whole numbers with one axis less than
    the output are classes; other numbers are values.

    Args:
        model: the model as the user has it, with its last activation.
        labels: labels of a batch, nested as the outputs; None if there are
            none, as for an encoder.
        loss: the loss that the model was compiled with, nested as Keras takes
            it; None if it was not compiled.
        loss_weights: the weights of the losses of several outputs.
        alpha: the weight of the hard loss within L_KD.
        temperature: τ of the soft loss.
        tell: is called with a sentence if another loss takes the place of the
            user's.

    Raises:
        SettingsError: if an output and its labels fit no kind.
    """
    if labels is None:
        return Embeddings()
    settings = {"alpha": alpha, "temperature": temperature}
    outputs = structure.outputs_of(model)
    flat = keras.tree.flatten(outputs)
    if len(flat) == 1:
        (label,) = keras.tree.flatten(labels)[:1]
        (own,) = keras.tree.flatten(loss)[:1] or (None,)
        return _one(model, 0, flat[0], label, own, settings, tell)
    # Keras takes what belongs to outputs in a list also by the layers' names.
    named = isinstance(outputs, Mapping)
    names = () if named else structure.output_names(model)
    places = {id(tensor): at for at, tensor in enumerate(model.outputs)}
    kinds = {
        name: _one(
            model,
            places[id(tensor)],
            tensor,
            _part(labels, name, at, names),
            _part(loss, name, at, names),
            settings,
            tell,
        )
        for at, (name, tensor) in enumerate(_named(outputs))
    }
    kinds = kinds if named else list(kinds.values())
    return Several(kinds, loss_weights, names)


def describe(kind: Outputs) -> str:
    """Returns a kind in words, such as "classes, from logits"."""
    if isinstance(kind, Several):
        return "; ".join(f"{n}: {describe(k)}" for n, k in kind.kinds.items())
    return {
        Classes: "exclusive classes",
        Labels: "independent labels",
        Values: "numbers",
        Embeddings: "vectors without labels",
    }.get(type(kind), type(kind).__name__)


def _named(outputs):
    if isinstance(outputs, Mapping):
        return list(outputs.items())
    return [(str(at), tensor) for at, tensor in enumerate(outputs)]


def _part(nested, name, at, names):
    """Returns what belongs to one of several outputs."""
    if isinstance(nested, Mapping):
        return nested.get(names[at] if names else name)
    if isinstance(nested, list | tuple):
        return nested[at]
    return nested


def _one(model, at, tensor, labels, loss, settings, tell):
    """Returns the kind of one output."""
    activation = softmax.activation(model, at)
    name = keras_losses.kind(loss) if loss else ""
    size = tensor.shape[-1] if len(tensor.shape) > 1 else 1
    if name in keras_losses.OF_CLASSES or (
        not loss and activation == "softmax"
    ):
        return Classes(**settings, loss=_kept(loss))
    if name in keras_losses.OF_LABELS or (not loss and activation == "sigmoid"):
        single = size == 1 and len(tensor.shape) == 2
        return (Classes if single else Labels)(**settings, loss=_kept(loss))
    if name in _OF_VALUES:
        kept = None if name in _SQUARED else loss
        return Values(alpha=settings["alpha"], loss=kept)
    if loss:
        if activation:
            tell(
                f"loss      {name} reads probabilities; cross-entropy of the "
                "logits takes its place"
            )
        if activation == "softmax":
            return Classes(**settings)
        if activation == "sigmoid":
            return Labels(**settings)
        return Values(alpha=settings["alpha"], loss=loss)
    return _by_labels(model, tensor, np.asarray(labels), settings)


def _by_labels(model, tensor, labels, settings):
    rank, size = len(tensor.shape), max(2, tensor.shape[-1])
    binary = bool(np.isin(labels, (0, 1)).all())
    whole = np.issubdtype(labels.dtype, np.integer)
    if labels.dtype.kind == "f":
        # Keras makes one-hot labels of floating-point numbers. Others of a
        # single value, or of images, may be anything.
        several = rank == 2 and len(np.unique(labels)) > 1
        binary = binary and several
        whole = several and bool(np.isin(labels, np.arange(size)).all())
    without_last = labels.ndim == rank - 1 or (
        labels.ndim == rank and labels.shape[-1] == 1 != tensor.shape[-1]
    )
    if whole and without_last and (binary or tensor.shape[-1] > 1):
        return Classes(**settings)
    if labels.shape[1:] == tuple(tensor.shape[1:]) or labels.ndim == rank - 1:
        if binary and (labels.sum(-1) == 1).all() and tensor.shape[-1] > 1:
            return Classes(**settings)
        if binary:
            return Labels(**settings)
        return Values(alpha=settings["alpha"])
    raise errors.SettingsError(
        f"The labels fit no kind of output: {model.name} returns "
        f"{tuple(tensor.shape[1:])} for each example. Received: labels of "
        f"shape {labels.shape[1:]} and type {labels.dtype}. Name the kind, "
        "such as `outputs=lit_tf.outputs.Values()`."
    )


def _kept(loss):
    """Returns a loss of logits that is not plain cross-entropy; else None."""
    if loss is None:
        return None
    plain = keras_losses.kind(loss) in _PLAIN
    if not isinstance(loss, keras.losses.Loss):
        return None if plain else loss
    config = loss.get_config()
    if plain:
        default = type(loss)().get_config()
        if all(config[k] == default[k] for k in config if k not in _ASIDE):
            return None
    return type(loss).from_config(config | {"from_logits": True})
