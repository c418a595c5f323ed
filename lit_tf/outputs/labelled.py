"""What has labels: classes, several labels at a time, numbers."""

import copy
from typing import Any

import keras
import tensorflow as tf

from lit_tf import config, errors
from lit_tf.losses import distillation, penalties
from lit_tf.outputs.kind import Outputs, Terms
from lit_tf.sections import compatibility, softmax


class _Labelled(Outputs):
    """What has labels: L_KD = α · hard + (1 − α) · τ² · soft."""

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
        self.loss = None if loss is None else distillation.each(loss)

    def compiled(self, loss: Any = None, loss_weights: Any = None) -> "Outputs":
        """Returns these outputs with another hard loss.

        Raises:
            SettingsError: there are `loss_weights`.
        """
        errors.require(
            loss_weights is None,
            "`loss_weights` are for several outputs (`outputs.Several`).",
            loss_weights=loss_weights,
        )
        twin = copy.copy(self)
        twin.loss = distillation.each(loss)
        return twin

    def check(self, model: keras.Model, role: str, at: int = 0) -> None:
        """Raises `SettingsError` where a model ends in a softmax."""
        compatibility.check_logits(model, role, at)

    def hard(self, y: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """Computes what an output misses its label by, `[batch]`."""
        return (self.loss or self._hard)(y, z)

    def terms(self, y: tf.Tensor, z_t: tf.Tensor, z_s: tf.Tensor) -> Terms:
        """Computes each term, `[batch]` in float32."""
        hard = self.hard(y, z_s)
        soft = self._soft(z_t, z_s)
        kd = distillation.kd(
            hard, soft, alpha=self.alpha, temperature=self.temperature
        )
        return {"hard": hard, "soft": soft, "kd": kd}


class Classes(_Labelled):
    """Logits of classes, of which an example has one.

    Args:
        alpha: in [0, 1], multiplies the hard loss; 1 − alpha multiplies the
            soft one.
        temperature: τ > 0, divides both logits of the soft loss.
        loss: the hard loss, in place of cross-entropy with class numbers
            `[batch]` or one-hot labels `[batch, classes]`: any loss of Keras,
            of (labels, logits).
    """

    def metrics(self) -> list[keras.metrics.Metric]:
        return [keras.metrics.MeanMetricWrapper(_accuracy, "accuracy")]

    def _hard(self, y, z):
        return distillation.hard(y, z)

    def _soft(self, z_t, z_s):
        return distillation.soft(z_t, z_s, self.temperature)


class Labels(_Labelled):
    """Logits of labels, of which an example has any number.

    Each label is a question of its own, and the losses are means over them: of
    cross-entropy with 0 or 1, and with the teacher's softened answer.

    Args:
        alpha: in [0, 1], multiplies the hard loss; 1 − alpha multiplies the
            soft one.
        temperature: τ > 0, divides both logits of the soft loss.
        loss: the hard loss, in place of cross-entropy with labels
            `[batch, labels]`, 0 or 1.
    """

    def check(self, model: keras.Model, role: str, at: int = 0) -> None:
        super().check(model, role, at)
        last = softmax.last(model, at)
        if getattr(last, "activation", None) is keras.activations.sigmoid:
            raise errors.SettingsError(
                f"The {role} must answer with logits, but its last layer, "
                f"{last.name!r}, applies a sigmoid. Build it without."
            )

    def metrics(self) -> list[keras.metrics.Metric]:
        return [keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)]

    def _hard(self, y, z):
        return distillation.binary(y, z)

    def _soft(self, z_t, z_s):
        answers = tf.sigmoid(tf.cast(z_t, tf.float32) / self.temperature)
        z_s = tf.cast(z_s, tf.float32) / self.temperature
        return distillation.binary(tf.stop_gradient(answers), z_s)


class Values(_Labelled):
    """Numbers: KD is their squared distance, and has no temperature.

    Args:
        alpha: in [0, 1], multiplies the hard loss; 1 − alpha multiplies the
            distance from the teacher's answer.
        loss: the hard loss, in place of the squared distance from the labels
            `[batch, ...]`.
    """

    def __init__(self, *, alpha: float = config.Loss.alpha, loss: Any = None):
        super().__init__(alpha=alpha, temperature=1.0, loss=loss)

    def check(self, model: keras.Model, role: str, at: int = 0) -> None:
        """Raises nothing: any output is a number."""

    def metrics(self) -> list[keras.metrics.Metric]:
        return [keras.metrics.MeanAbsoluteError("mean_absolute_error")]

    def _hard(self, y, z):
        y = tf.reshape(tf.cast(y, tf.float32), tf.shape(z))
        return penalties.l2(y, z)

    def _soft(self, z_t, z_s):
        return penalties.l2(z_t, z_s)


def _accuracy(y, z):
    # Known when the step is traced: class numbers, or a place for each class.
    if len(y.shape) == len(z.shape) and y.shape[-1] == z.shape[-1] != 1:
        return keras.metrics.categorical_accuracy(y, z)
    return keras.metrics.sparse_categorical_accuracy(y, z)
