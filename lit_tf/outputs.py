"""What a network's output is, and how far a student's is from where it ought.

A trainer asks its outputs object for the terms of L_KD, for what else to report
and whether a model can be trained at all.
"""

from typing import Any, Protocol

import keras
import tensorflow as tf

from lit_tf import config, errors, losses, pairs, penalties, softmax

Terms = dict[str, tf.Tensor]


class Outputs(Protocol):
    """Of one kind: classes, images, …

    Args:
        names: of the terms, in the order in which one can spoil the next; the
            last is "kd".
    """

    names: tuple[str, ...]

    def check(self, model: keras.Model, role: str) -> None:
        """Raises `SettingsError` where a model's output is of another kind."""

    def metrics(self) -> list[keras.metrics.Metric]:
        """Returns new metrics of (labels, outputs) to report."""

    def hard(self, y: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """Computes what an output misses its label by, `[batch]`.

        Only what has labels can: without, nobody is trained on them alone.
        """

    def terms(self, y: tf.Tensor, z_t: tf.Tensor, z_s: tf.Tensor) -> Terms:
        """Computes each term, `[batch]` in float32.

        Args:
            y: `[batch, ...]`, labels.
            z_t: `[batch, ...]`, the teacher's output.
            z_s: `[batch, ...]`, the student's.
        """


class _Labelled:
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
        self.loss = None if loss is None else losses.each(loss)

    def check(self, model: keras.Model, role: str) -> None:
        """Raises `SettingsError` where a model ends in a softmax."""
        pairs.check_logits(model, role)

    def hard(self, y: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """Computes what an output misses its label by, `[batch]`."""
        return (self.loss or self._hard)(y, z)

    def terms(self, y: tf.Tensor, z_t: tf.Tensor, z_s: tf.Tensor) -> Terms:
        """Computes each term, `[batch]` in float32."""
        hard = self.hard(y, z_s)
        soft = self._soft(z_t, z_s)
        kd = losses.kd(
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
        return losses.hard(y, z)

    def _soft(self, z_t, z_s):
        return losses.soft(z_t, z_s, self.temperature)


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

    def check(self, model: keras.Model, role: str) -> None:
        super().check(model, role)
        last = softmax.last(model)
        if getattr(last, "activation", None) is keras.activations.sigmoid:
            raise errors.SettingsError(
                f"The {role} must answer with logits, but its last layer, "
                f"{last.name!r}, applies a sigmoid. Build it without."
            )

    def metrics(self) -> list[keras.metrics.Metric]:
        return [keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)]

    def _hard(self, y, z):
        return losses.binary(y, z)

    def _soft(self, z_t, z_s):
        answers = tf.sigmoid(tf.cast(z_t, tf.float32) / self.temperature)
        z_s = tf.cast(z_s, tf.float32) / self.temperature
        return losses.binary(tf.stop_gradient(answers), z_s)


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

    def check(self, model: keras.Model, role: str) -> None:
        """Raises nothing: any output is a number."""

    def metrics(self) -> list[keras.metrics.Metric]:
        return [keras.metrics.MeanAbsoluteError("mean_absolute_error")]

    def _hard(self, y, z):
        y = tf.reshape(tf.cast(y, tf.float32), tf.shape(z))
        return penalties.l2(y, z)

    def _soft(self, z_t, z_s):
        return penalties.l2(z_t, z_s)


class Images:
    """Images: no labels and no logits, so that L_KD is their mean distance.

    The paper leaves it out (β = 0); reported it shows what comes of matching
    representations alone.
    """

    names = ("kd",)

    def check(self, model: keras.Model, role: str) -> None:
        if len(model.output_shape) != 4:
            raise errors.SettingsError(
                f"The {role} must answer with images. Received: outputs "
                f"{model.output_shape[1:]}."
            )

    def metrics(self) -> list[keras.metrics.Metric]:
        return []

    def terms(self, y: tf.Tensor, z_t: tf.Tensor, z_s: tf.Tensor) -> Terms:
        return {"kd": penalties.l1(z_t, z_s)}


def _accuracy(y, z):
    # Known when the step is traced: class numbers, or a place for each class.
    if len(y.shape) == len(z.shape) and y.shape[-1] == z.shape[-1] != 1:
        return keras.metrics.categorical_accuracy(y, z)
    return keras.metrics.sparse_categorical_accuracy(y, z)
