"""What a trainer asks of an output, whatever it is."""

from typing import Any, Protocol

import keras
import tensorflow as tf

Terms = dict[str, tf.Tensor]


class Outputs(Protocol):
    """Of one kind: classes, images, …

    Args:
        names: of the terms, in the order in which one can spoil the next; the
            last is "kd".
    """

    names: tuple[str, ...]

    def check(self, model: keras.Model, role: str, at: int = 0) -> None:
        """Raises `SettingsError` where a model's output is of another kind.

        Args:
            model: teacher or student.
            role: which of them, for the message.
            at: which of its outputs.
        """

    def compiled(self, loss: Any = None, loss_weights: Any = None) -> "Outputs":
        """Returns these outputs with what `compile` was given for its losses.

        Only what has labels can.
        """

    def weighed(self, y: Any, sample_weight: Any) -> tuple[Any, Any]:
        """Returns labels and the weight of each example, `[batch]` or None.

        Args:
            y: labels.
            sample_weight: as Keras gives it, of each output where there are
                several.
        """
        return y, sample_weight

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
