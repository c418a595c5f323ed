"""`Values`: numbers."""

from typing import Any

import keras
import tensorflow as tf

from lit_tf import config, errors
from lit_tf.losses import penalties
from lit_tf.outputs import label_faults
from lit_tf.outputs.labelled import Labelled


class Values(Labelled):
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

    of_logits = False

    def __init__(self, *, alpha: float = config.Loss.alpha, loss: Any = None):
        super().__init__(alpha=alpha, temperature=1.0, loss=loss)

    def check(self, model: keras.Model, role: str, at: int = 0) -> None:
        """Accepts every model: any output is a number."""

    def metrics(self) -> list[keras.metrics.Metric]:
        """Returns the metric of this kind."""
        return [
            keras.metrics.MeanAbsoluteError(
                "mean_absolute_error", dtype="float32"
            )
        ]

    def label_faults(self, y: Any, z: Any) -> list[label_faults.Fault]:
        """Returns the faults of labels, unless the user's loss reads others.

        Raises:
            SettingsError: if the labels have a wrong shape.
        """
        y, z = self.plain(y), self.plain(z)
        if self.loss or y.shape.rank is None:
            return []
        size = y.shape[1:].num_elements()
        expected = tf.TensorShape(z.shape)[1:].num_elements()
        if None in (size, expected) or size == expected:
            return label_faults.of_numbers(y)
        raise errors.SettingsError(
            f"Labels must have the shape of the outputs, {tuple(z.shape)}. "
            "For class numbers pass `outputs=lit_tf.outputs.Classes()`. "
            f"Received: shape {y.shape}."
        )

    def _hard(self, y, z, mask):
        del mask  # The penalty reads it from the outputs.
        y = tf.reshape(tf.cast(y, tf.float32), tf.shape(z))
        return penalties.l2(y, z)

    def _soft(self, z_t, z_s, mask):
        del mask
        return penalties.l2(z_t, z_s)
