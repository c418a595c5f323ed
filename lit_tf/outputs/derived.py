"""`derive`: the kind of a model's outputs, from its loss and its labels."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from lit_tf import errors
from lit_tf.outputs.classes import Classes
from lit_tf.outputs.embeddings import Embeddings
from lit_tf.outputs.kind import Outputs
from lit_tf.outputs.labels import Labels
from lit_tf.outputs.several import Several
from lit_tf.outputs.values import Values
from lit_tf.sections import softmax, structure

_OF_CLASSES = (
    "sparse_categorical_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
)
_OF_LABELS = ("binary_crossentropy", "binary_focal_crossentropy")
_OF_VALUES = (
    "mean_squared_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "huber",
    "log_cosh",
    "mse",
    "mae",
    "mape",
    "msle",
)
_PLAIN = (
    "sparse_categorical_crossentropy",
    "categorical_crossentropy",
    "binary_crossentropy",
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
        return _one(model, 0, flat[0], label, own, settings)
    places = {id(tensor): at for at, tensor in enumerate(model.outputs)}
    kinds = {
        name: _one(
            model,
            places[id(tensor)],
            tensor,
            _part(labels, name, at),
            _part(loss, name, at),
            settings,
        )
        for at, (name, tensor) in enumerate(_named(outputs))
    }
    if not isinstance(outputs, Mapping):
        kinds = list(kinds.values())
    return Several(kinds, loss_weights)


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


def _part(nested, name, at):
    """Returns what belongs to one of several outputs."""
    if isinstance(nested, Mapping):
        return nested.get(name)
    if isinstance(nested, list | tuple):
        return nested[at]
    return nested


def _one(model, at, tensor, labels, loss, settings):
    """Returns the kind of one output."""
    activation = softmax.activation(model, at)
    name = _name_of(loss)
    size = tensor.shape[-1] if len(tensor.shape) > 1 else 1
    if name in _OF_CLASSES or (not loss and activation == "softmax"):
        return Classes(**settings, loss=_kept(loss))
    if name in _OF_LABELS or (not loss and activation == "sigmoid"):
        if size == 1 and len(tensor.shape) == 2:
            return Classes(**settings)
        return Labels(**settings, loss=_kept(loss))
    if name in _OF_VALUES:
        squared = name in ("mean_squared_error", "mse")
        return Values(alpha=settings["alpha"], loss=None if squared else loss)
    if loss:
        if activation:
            print(
                f"loss      {name or loss} reads probabilities; cross-entropy "
                "of the logits takes its place"
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


def _name_of(loss):
    """Returns the name of a loss of Keras, such as "mean_squared_error"."""
    if isinstance(loss, str):
        found = keras.losses.get(loss)
        return getattr(found, "name", getattr(found, "__name__", loss))
    return getattr(loss, "name", getattr(loss, "__name__", ""))


def _kept(loss):
    """Returns a loss of logits that is not plain cross-entropy; else None."""
    plain = _name_of(loss) in _PLAIN
    if not isinstance(loss, keras.losses.Loss):
        return None if plain or not isinstance(loss, str) else loss
    if not plain:
        return type(loss).from_config(loss.get_config() | {"from_logits": True})
    config, default = loss.get_config(), type(loss)().get_config()
    if all(config[key] == default[key] for key in config if key not in _ASIDE):
        return None
    return type(loss).from_config(config | {"from_logits": True})
