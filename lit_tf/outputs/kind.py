"""`Outputs`: the interface between a trainer and a kind of model output."""

from typing import Any, Protocol

import keras
import tensorflow as tf

# The terms of a loss by name, each `[batch]` in float32.
Terms = dict[str, tf.Tensor]


class Outputs(Protocol):
    """A kind of model output: classes, images, and so on.

    Attributes:
        names: the names of the terms in dependency order, so that a report of a
            NaN names its cause; the last is "kd".
    """

    names: tuple[str, ...]

    def check(self, model: keras.Model, role: str, at: int = 0) -> None:
        """Checks that a model returns outputs of this kind.

        Args:
            model: teacher or student.
            role: "teacher" or "student", for the message.
            at: the index of the output to check; default 0.

        Raises:
            SettingsError: if the model returns outputs of another kind.
        """

    def with_losses(
        self, loss: Any = None, loss_weights: Any = None
    ) -> "Outputs":
        """Returns a copy with the losses that `compile` received.

        Only a kind with labels implements it.

        Args:
            loss: a loss that replaces the hard loss; None keeps it.
            loss_weights: weights of the losses of several outputs.
        """

    def example_weights(self, y: Any, sample_weight: Any) -> tuple[Any, Any]:
        """Returns the labels and one weight for each example.

        Args:
            y: labels, `[batch, ...]`.
            sample_weight: as Keras passes it, `[batch]` or None; for several
                outputs one for each, nested like the outputs.

        Returns:
            The labels as `terms` and `hard` take them, and `[batch]` weights or
            None.
        """
        return y, sample_weight

    def metrics(self) -> list[keras.metrics.Metric]:
        """Returns new metrics of (labels, outputs)."""

    def hard(self, y: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """Computes the loss of outputs on their labels.

        Only a kind with labels implements it. A kind without this method cannot
        be used with `Teach`.

        Args:
            y: labels, `[batch, ...]`.
            z: a model's output, `[batch, ...]`.

        Returns:
            `[batch]`, float32.
        """

    def terms(self, y: tf.Tensor, z_t: tf.Tensor, z_s: tf.Tensor) -> Terms:
        """Computes the terms in `names`, each `[batch]` in float32.

        Args:
            y: labels, `[batch, ...]`.
            z_t: the teacher's output, `[batch, ...]`.
            z_s: the student's output, the same shape.
        """
