"""Outputs with labels: classes, independent labels, numbers."""

import copy
from typing import Any

import keras
import tensorflow as tf

from lit_tf import config, errors
from lit_tf.losses import distillation, penalties
from lit_tf.outputs.kind import Outputs, Terms
from lit_tf.sections import compatibility, softmax


class _Labelled(Outputs):
    """Outputs with labels.

    L_KD = α · hard + (1 − α) · τ² · soft (the paper's section 3.2).
    """

    names = ("hard", "soft", "kd")

    def __init__(
        self,
        *,
        alpha: float = config.Loss.alpha,
        temperature: float = config.Loss.temperature,
        loss: Any = None,
    ):
        config.check_loss(alpha, temperature, beta=1.0)
        self.alpha = alpha
        self.temperature = temperature
        self.loss = None if loss is None else distillation.per_example(loss)

    def with_losses(
        self, loss: Any = None, loss_weights: Any = None
    ) -> "Outputs":
        """Returns a copy with another hard loss.

        Args:
            loss: a Keras loss or its name, a function of (labels, outputs).
            loss_weights: must be None, because there is one output.

        Raises:
            SettingsError: if `loss_weights` is not None.
        """
        errors.require(
            loss_weights is None,
            "`loss_weights` are for models with several outputs "
            "(`outputs.Several`).",
            loss_weights=loss_weights,
        )
        other = copy.copy(self)
        other.loss = distillation.per_example(loss)
        return other

    def check(self, model: keras.Model, role: str, at: int = 0) -> None:
        """Raises `SettingsError` if a model ends in a softmax."""
        compatibility.check_logits(model, role, at)

    def hard(self, y: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """Computes the hard loss, `[batch]` in float32."""
        return (self.loss or self._hard)(y, z)

    def terms(self, y: tf.Tensor, z_t: tf.Tensor, z_s: tf.Tensor) -> Terms:
        """Computes hard, soft and kd, each `[batch]` in float32."""
        hard = self.hard(y, z_s)
        soft = self._soft(z_t, z_s)
        kd = distillation.kd(
            hard, soft, alpha=self.alpha, temperature=self.temperature
        )
        return {"hard": hard, "soft": soft, "kd": kd}


class Classes(_Labelled):
    """Logits of exclusive classes; the hard loss is cross-entropy.

    Labels are class numbers, `[batch]`, or one-hot, `[batch, classes]`. The
    metric is `accuracy`.

    Example:
    ```python
    import keras

    import lit_tf
    from lit_tf import outputs

    digits = lit_tf.data.load(lit_tf.config.Data(dataset="digits"))
    teacher = lit_tf.models.get("resnet14")(**digits.form)
    student = lit_tf.models.get("resnet8")(**digits.form)
    loss = keras.losses.CategoricalFocalCrossentropy(from_logits=True)
    kind = outputs.Classes(alpha=0.5, temperature=4, loss=loss)
    trainer = lit_tf.LIT(teacher, student, outputs=kind)
    ```

    Args:
        alpha: in [0, 1], the weight of the hard loss; 1 − alpha is the weight
            of the soft loss; default 0.95.
        temperature: τ > 0, which divides both logits of the soft loss; default
            6.
        loss: a Keras loss of (labels, logits) that replaces cross-entropy.

    Raises:
        SettingsError: if `alpha` or `temperature` is out of its range.
    """

    def metrics(self) -> list[keras.metrics.Metric]:
        """Returns the metric of this kind."""
        return [keras.metrics.MeanMetricWrapper(_accuracy, "accuracy")]

    def _hard(self, y, z):
        return distillation.hard(y, z)

    def _soft(self, z_t, z_s):
        return distillation.soft(z_t, z_s, self.temperature)


class Labels(_Labelled):
    """Logits of independent labels (multi-label classification).

    Both losses are means over the labels of an example: the hard loss of binary
    cross-entropy with 0 or 1, the soft loss of binary cross-entropy with the
    teacher's probabilities at temperature τ. Labels are 0 or 1,
    `[batch, labels]`. The metric is `accuracy`, of each label.

    Args:
        alpha: in [0, 1], the weight of the hard loss; 1 − alpha is the weight
            of the soft loss; default 0.95.
        temperature: τ > 0, which divides both logits of the soft loss; default
            6.
        loss: a Keras loss of (labels, logits) that replaces binary
            cross-entropy.

    Raises:
        SettingsError: if `alpha` or `temperature` is out of its range.
    """

    def check(self, model: keras.Model, role: str, at: int = 0) -> None:
        """Raises `SettingsError` if a model ends in a softmax or sigmoid."""
        super().check(model, role, at)
        last = softmax.last(model, at)
        if getattr(last, "activation", None) is keras.activations.sigmoid:
            raise errors.SettingsError(
                f"The {role} must return logits, but its last layer, "
                f"{last.name!r}, applies a sigmoid. Build it without the "
                "activation."
            )

    def metrics(self) -> list[keras.metrics.Metric]:
        """Returns the metric of this kind."""
        return [keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)]

    def _hard(self, y, z):
        return distillation.binary(y, z)

    def _soft(self, z_t, z_s):
        targets = tf.sigmoid(tf.cast(z_t, tf.float32) / self.temperature)
        z_s = tf.cast(z_s, tf.float32) / self.temperature
        return distillation.binary(tf.stop_gradient(targets), z_s)


class Values(_Labelled):
    """Numbers (regression): both losses are the mean squared difference.

    The hard loss compares the outputs with the labels, `[batch, ...]`, the soft
    loss with the teacher's outputs; there is no temperature. The metric is
    `mean_absolute_error`.

    Args:
        alpha: in [0, 1], the weight of the hard loss; 1 − alpha is the weight
            of the soft loss; default 0.95.
        loss: a Keras loss of (labels, outputs) that replaces the hard loss.

    Raises:
        SettingsError: if `alpha` is out of its range.
    """

    def __init__(self, *, alpha: float = config.Loss.alpha, loss: Any = None):
        super().__init__(alpha=alpha, temperature=1.0, loss=loss)

    def check(self, model: keras.Model, role: str, at: int = 0) -> None:
        """Accepts every model: any output is a number."""

    def metrics(self) -> list[keras.metrics.Metric]:
        """Returns the metric of this kind."""
        return [keras.metrics.MeanAbsoluteError("mean_absolute_error")]

    def _hard(self, y, z):
        y = tf.reshape(tf.cast(y, tf.float32), tf.shape(z))
        return penalties.l2(y, z)

    def _soft(self, z_t, z_s):
        return penalties.l2(z_t, z_s)


def _accuracy(y, z):
    # The static shapes tell one-hot labels from class numbers.
    if len(y.shape) == len(z.shape) and y.shape[-1] == z.shape[-1] != 1:
        return keras.metrics.categorical_accuracy(y, z)
    return keras.metrics.sparse_categorical_accuracy(y, z)
