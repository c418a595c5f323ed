"""What a network's output is, and how far a student's is from where it ought.

A trainer asks its outputs object for the terms of L_KD, for what else to report
and whether a model can be trained at all.
"""

from typing import Protocol

import keras
import tensorflow as tf

from lit_tf import config, errors, losses, pairs, penalties

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

    def terms(self, y: tf.Tensor, z_t: tf.Tensor, z_s: tf.Tensor) -> Terms:
        """Computes each term, `[batch]` in float32.

        Args:
            y: `[batch, ...]`, labels.
            z_t: `[batch, ...]`, the teacher's output.
            z_s: `[batch, ...]`, the student's.
        """


class Classes:
    """Logits of classes: L_KD = α · hard + (1 − α) · τ² · soft.

    Args:
        alpha: in [0, 1], multiplies the hard loss; 1 − alpha multiplies the
            soft one.
        temperature: τ > 0, divides both logits of the soft loss.
    """

    names = ("hard", "soft", "kd")

    def __init__(
        self,
        *,
        alpha: float = config.Loss.alpha,
        temperature: float = config.Loss.temperature,
    ):
        config.check_loss(alpha, temperature, beta=1.0)
        self.alpha = alpha
        self.temperature = temperature

    def check(self, model: keras.Model, role: str) -> None:
        pairs.check_logits(model, role)

    def metrics(self) -> list[keras.metrics.Metric]:
        return [keras.metrics.SparseCategoricalAccuracy("accuracy")]

    def terms(self, y: tf.Tensor, z_t: tf.Tensor, z_s: tf.Tensor) -> Terms:
        hard = losses.hard(y, z_s)
        soft = losses.soft(z_t, z_s, self.temperature)
        kd = losses.kd(
            hard, soft, alpha=self.alpha, temperature=self.temperature
        )
        return {"hard": hard, "soft": soft, "kd": kd}


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
