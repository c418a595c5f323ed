"""Keras losses as functions that keep the examples of a batch apart."""

import functools
import inspect
from typing import Any

import keras
import tensorflow as tf

from lit_tf import errors
from lit_tf.losses import distillation, masks

# Losses that read probabilities and cannot be built for logits.
_OF_PROBABILITIES = (
    "kl_divergence",
    "KLDivergence",
    "dice",
    "Dice",
    "tversky",
    "Tversky",
    "categorical_generalized_cross_entropy",
    "CategoricalGeneralizedCrossEntropy",
)
# Cross-entropies of exclusive classes.
OF_CLASSES = (
    "sparse_categorical_crossentropy",
    "SparseCategoricalCrossentropy",
    "categorical_crossentropy",
    "CategoricalCrossentropy",
    "categorical_focal_crossentropy",
    "CategoricalFocalCrossentropy",
)
# Cross-entropies of independent labels.
OF_LABELS = (
    "binary_crossentropy",
    "BinaryCrossentropy",
    "binary_focal_crossentropy",
    "BinaryFocalCrossentropy",
)


class ExampleLoss:
    """A loss of (labels, outputs) with one value per example.

    Args:
        loss: the name of a Keras loss, a `keras.losses.Loss` or a function of
            (labels, outputs).
        of_logits: whether the outputs are logits. A loss by name, or a function
            with the argument `from_logits`, is then built for logits; default
            False.

    Attributes:
        ignore_class: the label that marks what has no class; None for none.

    Raises:
        SettingsError: if there is no loss of that name, or it reads
            probabilities although the outputs are logits.
    """

    def __init__(self, loss: Any, *, of_logits: bool = False):
        found = _find(loss)
        named = isinstance(loss, str) or inspect.isclass(loss)
        if of_logits:
            found = _for_logits(found, named=named)
        self._loss = found
        self._kind = kind(found)
        self.ignore_class = _setting(found, "ignore_class")

    @property
    def of_classes(self) -> bool:
        """Whether this is a cross-entropy of exclusive classes."""
        return self._kind in OF_CLASSES

    @property
    def of_labels(self) -> bool:
        """Whether this is a cross-entropy of independent labels."""
        return self._kind in OF_LABELS

    def __call__(
        self, labels: Any, outputs: tf.Tensor, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Computes the loss of each example.

        Args:
            labels: `[batch, ...]`.
            outputs: `[batch, ...]`.
            mask: `[batch, ...]`, what counts; all when None.

        Returns:
            `[batch]`, float32. Where the loss returns a scalar, every example
            gets it.

        Raises:
            SettingsError: if a cross-entropy reads labels or outputs of a
                shape for which there is another one.
        """
        labels, outputs = _expand_scalars(labels, outputs)
        if self.of_labels and _lacks_axis(labels.shape, outputs.shape):
            labels = labels[..., tf.newaxis]
        self._check_shapes(labels.shape, outputs.shape)
        is_object = isinstance(self._loss, keras.losses.Loss)
        compute = self._loss.call if is_object else self._loss
        values = tf.cast(compute(labels, outputs), tf.float32)
        errors.require(
            masks.of(labels) is None or values.shape.rank > 1,
            "With weights of positions, the loss must return one value for "
            "each position.",
            shape=tuple(values.shape),
        )
        return distillation.example_mean(values, outputs, mask)

    def _check_shapes(self, labels, outputs):
        received = f"Received: labels {labels}, outputs {outputs}."
        if self.of_classes and outputs[-1] == 1:
            raise errors.SettingsError(
                f"The loss {self._kind} needs a logit for each class. For one "
                f'logit pass loss="binary_crossentropy". {received}'
            )
        if None in (labels.rank, outputs.rank):
            return
        numbers = distillation.are_class_numbers(labels, outputs)
        is_sparse = self._kind in OF_CLASSES[:2]
        if is_sparse and not numbers:
            raise errors.SettingsError(
                f"The loss {self._kind} needs class numbers. For one-hot "
                f'labels pass loss="categorical_crossentropy". {received}'
            )
        is_dense = self.of_labels or (self.of_classes and not is_sparse)
        if is_dense and not labels.is_compatible_with(outputs):
            raise errors.SettingsError(
                f"The loss {self._kind} needs labels of the shape of the "
                "outputs. For class numbers pass "
                f'loss="sparse_categorical_crossentropy". {received}'
            )


def _find(loss):
    """Returns the loss of a name, or the loss itself."""
    try:
        return keras.losses.get(loss)
    except ValueError:
        names = {n for n in dir(keras.losses) if n.islower() and n[0] != "_"}
        names -= {"deserialize", "get", "serialize"}
        raise errors.SettingsError(
            errors.unknown("loss", str(loss), sorted(names))
        ) from None


def _for_logits(loss, *, named):
    """Returns a loss that reads logits; a named one is built for them."""
    name = kind(loss)
    if name in _OF_PROBABILITIES:
        raise errors.SettingsError(
            f"The loss {name} reads probabilities, but the model returns "
            "logits. Pass a function of (labels, logits) that applies a "
            f"softmax or sigmoid first. Received: loss={name}."
        )
    if _setting(loss, "from_logits") in (None, True):
        return loss
    if isinstance(loss, keras.losses.Loss) and named:
        return type(loss)(from_logits=True)
    if inspect.isfunction(loss):
        return functools.partial(loss, from_logits=True)
    raise errors.SettingsError(
        f"The loss {name} must be built with from_logits=True, because the "
        f"model returns logits. Received: {name}(from_logits=False)."
    )


def kind(loss: Any) -> str:
    """Returns the name of a loss's class or function, not one that a user gave.

    Args:
        loss: the name of a Keras loss, a `keras.losses.Loss` or a function of
            (labels, outputs).

    Raises:
        SettingsError: if there is no loss of that name.
    """
    if isinstance(loss, functools.partial):
        return kind(loss.func)
    if isinstance(loss, str):
        return kind(_find(loss))
    return getattr(loss, "__name__", type(loss).__name__)


def _setting(loss, name):
    """Returns the value of a loss's argument; None if it has no such one."""
    if isinstance(loss, keras.losses.Loss):
        return getattr(loss, name, None)
    try:
        parameter = inspect.signature(loss).parameters.get(name)
    except (TypeError, ValueError):  # Some callables have no signature.
        return None
    known = parameter is not None and parameter.default is not parameter.empty
    return parameter.default if known else None


def _lacks_axis(labels, outputs):
    """Returns whether labels lack the axis of a single output."""
    single = outputs.rank is not None and outputs[-1] == 1
    return single and labels.rank == outputs.rank - 1


def _expand_scalars(labels, outputs):
    """Returns labels and outputs, both `[batch, 1]` if they are scalars.

    A loss of `[batch]` and `[batch, 1]` would broadcast to `[batch, batch]`.
    """
    labels = tf.convert_to_tensor(labels)
    single = [
        values.shape.rank == 1 or values.shape[1:] == [1]
        for values in (labels, outputs)
    ]
    if not all(single):
        return labels, outputs
    return tf.reshape(labels, [-1, 1]), tf.reshape(outputs, [-1, 1])
