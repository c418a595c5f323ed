"""`Outputs`: the interface between a trainer and a kind of model output."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import keras
import tensorflow as tf

from lit_tf import errors
from lit_tf.outputs.label_faults import Fault

# The terms of a loss by name, each `[batch]` in float32.
Terms = dict[str, tf.Tensor]


class Outputs(Protocol):
    """A kind of model output: classes, images, and so on.

    Attributes:
        names: the names of the terms in dependency order, so that a report of a
            NaN names its cause; the last is "kd".
        reads_labels: whether the losses read labels; default True.
    """

    names: tuple[str, ...]
    reads_labels = True

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

        Raises:
            SettingsError: if this kind has no labels.
        """
        raise self._without_labels()

    def smoothed(self, share: float) -> "Outputs":
        """Returns a copy whose hard loss smooths labels (`distillation.hard`).

        The default refuses any share but 0.

        Args:
            share: ε in [0, 1), what is spread evenly over all classes.

        Raises:
            SettingsError: if this kind has no classes, or a loss of the user.
        """
        errors.require(
            not share,
            "`label_smoothing` is for exclusive classes and independent "
            "labels. Set it to 0.",
            label_smoothing=share,
            outputs=type(self).__name__,
        )
        return self

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
        return self.plain(y), self.plain(sample_weight)

    def weigh_positions(self, y: Any, sample_weight: Any) -> Any:
        """Returns labels that carry the weights of their positions.

        The default is for outputs without such weights.

        Args:
            y: labels, `[batch, ...]`.
            sample_weight: as in `example_weights`.
        """
        del sample_weight
        return self.plain(y)

    def plain(self, nested: Any) -> Any:
        """Returns a single output, or its labels, without list or dictionary.

        Args:
            nested: outputs, labels or weights, nested as the model nests its
                outputs. What holds several is returned unchanged.
        """
        flat = keras.tree.flatten(nested)
        return flat[0] if len(flat) == 1 else nested

    def label_faults(self, y: Any, z: Any) -> Sequence[Fault]:
        """Returns what labels must not contain, with a sentence for each.

        The default finds no fault.

        Args:
            y: labels, `[batch, ...]`.
            z: the model's symbolic output, `[batch, ...]`.
        """
        del y, z
        return ()

    def compiled_metrics(self, metrics: Any, outputs: Any) -> Any:
        """Returns the metrics that `compile` received, for this kind.

        Args:
            metrics: metrics or their names, nested as Keras takes them.
            outputs: the model's symbolic output.
        """
        del outputs
        return metrics

    def metrics(self) -> list[keras.metrics.Metric]:
        """Returns new metrics of (labels, outputs).

        `compile` sets the attribute `kind` of each to the copy that
        `with_losses` returned.
        """

    def score(self, logs: Mapping[str, float]) -> float | None:
        """Returns the score on validation by which a run chooses a student.

        The default is the accuracy, or without one the negative loss on labels.

        Args:
            logs: what `fit` reports at the end of an epoch.

        Returns:
            The score, higher is better; None without one.
        """
        loss = logs.get("val_hard")
        return logs.get("val_accuracy", None if loss is None else -loss)

    def hard(self, y: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """Computes the loss of outputs on their labels.

        Only a kind with labels implements it. A kind without this method cannot
        be used with `Teach`.

        Args:
            y: labels, `[batch, ...]`.
            z: a model's output, `[batch, ...]`.

        Returns:
            `[batch]`, float32.

        Raises:
            SettingsError: if this kind has no labels.
        """
        raise self._without_labels()

    def terms(self, y: tf.Tensor, z_t: tf.Tensor, z_s: tf.Tensor) -> Terms:
        """Computes the terms in `names`, each `[batch]` in float32.

        Args:
            y: labels, `[batch, ...]`.
            z_t: the teacher's output, `[batch, ...]`.
            z_s: the student's output, the same shape.
        """

    def _without_labels(self):
        return errors.SettingsError(
            f"{type(self).__name__} has no loss on labels, so that a model "
            "cannot be trained on them."
        )
