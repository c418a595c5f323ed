"""`Classes`: logits of exclusive classes."""

from typing import Any

import keras
import tensorflow as tf

from lit_tf import errors
from lit_tf.losses import distillation, masks
from lit_tf.outputs import label_faults, logit_metrics
from lit_tf.outputs.labelled import Labelled
from lit_tf.sections import compatibility


class Classes(Labelled):
    """Logits of exclusive classes; the hard loss is cross-entropy.

    Labels are class numbers, `[batch]`, or one-hot, `[batch, classes]`. The
    metric is `accuracy`.

    A model with a single logit has two classes: the logit is the log-odds of
    class 1, and both losses are binary cross-entropies.

    Logits of positions, such as `[batch, height, width, classes]`, have labels
    `[batch, height, width]`: both losses are means over the positions. A loss
    with `ignore_class`, such as `keras.losses.SparseCategoricalCrossentropy`,
    leaves out what has that label, and the mask of Keras leaves out padding;
    neither counts in a loss or in the accuracy. Sample weights of positions,
    `[batch, height, width]`, make these weighted means over the batch (of each
    microbatch), in which a weight of 0 leaves a position out; twice the weights
    do not change them.

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
        loss: a Keras loss of (labels, logits) that replaces cross-entropy, or
            its name.

    Raises:
        SettingsError: if `alpha` or `temperature` is out of its range, or the
            loss reads probabilities.
    """

    def check(self, model: keras.Model, role: str, at: int = 0) -> None:
        """Raises `SettingsError` if a model returns probabilities."""
        compatibility.check_logits(model, role, at)

    def metrics(self) -> list[keras.metrics.Metric]:
        """Returns the metric of this kind."""
        return [_Accuracy(self)]

    @property
    def ignored(self) -> int | None:
        """The label of what has no class; None for none."""
        return self.loss.ignore_class if self.loss else None

    def compiled_metrics(self, metrics: Any, outputs: Any) -> Any:
        """Returns metrics with those that are names built for logits."""
        return logit_metrics.build(metrics, self.plain(outputs))

    def example_weights(self, y: Any, sample_weight: Any) -> tuple[Any, Any]:
        """Returns the labels, with weights of positions, or those of examples.

        Args:
            y: labels, `[batch, ...]`.
            sample_weight: `[batch]`; or one for each position, `[batch, ...]`.
        """
        y, weight = super().example_weights(y, sample_weight)
        if not _of_positions(weight):
            return y, weight
        return self.weigh_positions(y, weight), None

    def weigh_positions(self, y: Any, sample_weight: Any) -> Any:
        """Returns labels that carry the weights of their positions, if any."""
        y, weight = self.plain(y), self.plain(sample_weight)
        if not _of_positions(weight):
            return y
        # A copy: the caller's labels do not carry weights.
        return masks.attach(
            tf.identity(y), tf.cast(tf.convert_to_tensor(weight), tf.float32)
        )

    def label_faults(self, y: Any, z: Any) -> list[label_faults.Fault]:
        """Returns the faults of labels, unless the user's loss reads others.

        Raises:
            SettingsError: if the labels have a wrong shape.
        """
        y, z = self.plain(y), self.plain(z)
        if self.loss and not self.loss.of_classes:
            binary = self.loss.of_labels and z.shape[-1] == 1
            return label_faults.of_independent(y) if binary else []
        logits = tf.TensorShape(z.shape)
        logits = logits if logits.rank > 1 else logits.concatenate([1])
        classes = 2 if logits[-1] == 1 else logits[-1]
        if y.shape.rank is None or classes is None:
            return []
        if distillation.are_class_numbers(y.shape, logits):
            return label_faults.of_class_numbers(y, logits[-1], self.ignored)
        if distillation.are_one_hot(y.shape, logits[:-1].concatenate(classes)):
            return label_faults.of_one_hot(y)
        raise errors.SettingsError(
            "Labels must be class numbers, one for each example or position, "
            f"or one-hot with {classes} classes; the model's outputs have "
            f"shape {logits}. Received: shape {y.shape}."
        )

    def _hard(self, y, z, mask):
        return distillation.hard(y, z, mask, smoothing=self.label_smoothing)

    def _soft(self, z_t, z_s, mask):
        return distillation.soft(z_t, z_s, self.temperature, mask)

    def _mask(self, y, z):
        mask = super()._mask(y, z)
        weights = masks.of(y)
        if weights is not None:
            errors.require(
                weights.shape.is_compatible_with(z.shape[:-1]),
                "`sample_weight` must be one weight for each example, [batch], "
                f"or for each position of the outputs, {tuple(z.shape[:-1])}.",
                shape=tuple(weights.shape),
            )
            mask = masks.both(mask, weights)
        if self.ignored is None:
            return mask
        ignored = tf.cast(self.ignored, y.dtype)
        known = tf.reshape(y, tf.shape(z)[:-1]) != ignored
        return masks.both(known, mask)


def _of_positions(weight):
    """Returns whether there are weights of positions, `[batch, ...]`."""
    if weight is None:
        return False
    shape = tf.TensorShape(weight.shape)
    return shape.rank not in (None, 0, 1) and shape[1:] != [1]


class _Accuracy(keras.metrics.Mean):
    """The fraction of examples, or positions, with the right class."""

    def __init__(self, kind):
        super().__init__("accuracy", dtype="float32")
        self._direction = "up"
        self.kind = kind

    def update_state(self, y, z):
        y = tf.convert_to_tensor(y)
        mask = self.kind._mask(y, z)
        z = distillation.of_classes(z)
        if distillation.are_one_hot(y.shape, z.shape):
            y = tf.argmax(y, axis=-1)
        y = tf.reshape(y, tf.shape(z)[:-1])
        right = tf.argmax(z, axis=-1) == tf.cast(y, tf.int64)
        weights = None if mask is None else tf.cast(mask, self.dtype)
        return super().update_state(tf.cast(right, self.dtype), weights)
