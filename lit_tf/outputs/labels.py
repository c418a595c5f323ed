"""`Labels`: logits of independent labels."""

from typing import Any

import keras
import tensorflow as tf

from lit_tf import errors
from lit_tf.losses import distillation
from lit_tf.outputs import label_faults, logit_metrics
from lit_tf.outputs.labelled import Labelled
from lit_tf.sections import compatibility


class Labels(Labelled):
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
            cross-entropy, or its name.

    Raises:
        SettingsError: if `alpha` or `temperature` is out of its range, or the
            loss reads probabilities.
    """

    def check(self, model: keras.Model, role: str, at: int = 0) -> None:
        """Raises `SettingsError` if a model returns probabilities."""
        compatibility.check_logits(model, role, at, independent=True)

    def metrics(self) -> list[keras.metrics.Metric]:
        """Returns the metric of this kind."""
        return [
            keras.metrics.BinaryAccuracy(
                "accuracy", dtype="float32", threshold=0.0
            )
        ]

    def compiled_metrics(self, metrics: Any, outputs: Any) -> Any:
        """Returns metrics with those that are names built for logits."""
        return logit_metrics.build(metrics, self.plain(outputs))

    def label_faults(self, y: Any, z: Any) -> list[label_faults.Fault]:
        """Returns the faults of labels, unless the user's loss reads others.

        Raises:
            SettingsError: if the labels have a wrong shape.
        """
        y, z = self.plain(y), self.plain(z)
        if self.loss or y.shape.rank is None:
            return []
        shape = tf.TensorShape(z.shape)
        if shape[-1] == 1 and y.shape.rank == shape.rank - 1:
            shape = shape[:-1]
        if y.shape[1:].is_compatible_with(shape[1:]):
            return label_faults.of_independent(y)
        raise errors.SettingsError(
            f"Independent labels must have the shape of the outputs, {shape}. "
            "For class numbers pass `outputs=lit_tf.outputs.Classes()`. "
            f"Received: shape {y.shape}."
        )

    def _hard(self, y, z, mask):
        return distillation.binary(y, z, mask, smoothing=self.label_smoothing)

    def _soft(self, z_t, z_s, mask):
        targets = tf.sigmoid(tf.cast(z_t, tf.float32) / self.temperature)
        z_s = tf.cast(z_s, tf.float32) / self.temperature
        return distillation.binary(tf.stop_gradient(targets), z_s, mask)
