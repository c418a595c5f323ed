"""Text samples in TensorBoard, with the predictions of teacher and student."""

import keras
import numpy as np
import tensorflow as tf

from lit_tf import data, layers
from lit_tf.losses import distillation
from lit_tf.sections import inspection
from lit_tf.training import checkpoint, metric_logs

_TEXTS = 8
_CHARACTERS = 160  # Shown of each text.


class TextSamples(keras.callbacks.Callback):
    """Shows validation texts and predictions after each epoch.

    It does nothing when the student does not read texts or when there is no
    validation split.

    Args:
        logs: the logs to write to.
        position: the position of the phase.
        dataset: the dataset; the first texts of its validation split are
            shown.
    """

    def __init__(
        self,
        logs: metric_logs.MetricLogs,
        position: checkpoint.Position,
        dataset: data.Dataset,
    ):
        super().__init__()
        self._logs = logs
        self._position = position
        self._dataset = dataset

    def on_epoch_end(self, epoch, logs=None):
        student, teacher = self.model.student, self.model.teacher
        characters = inspection.opening(student, layers.Characters)
        validation = self._dataset.validation
        if characters is None or validation is None:
            return
        codes = tf.constant(validation.inputs[:_TEXTS])
        columns = {"text": map(_escape, characters.decode(codes).numpy())}
        columns["label"] = [
            self._dataset.classes[label] for label in validation.labels[:_TEXTS]
        ]
        for role, model in (("teacher", teacher), ("student", student)):
            if model is not None:
                logits = distillation.of_classes(model(codes, training=False))
                columns[role] = map(
                    self._predicted, tf.nn.softmax(logits).numpy()
                )
        rows = [tuple(columns), ("---",) * len(columns)]
        rows += zip(*columns.values(), strict=True)
        self._logs.write_text(
            self._position.step,
            "validation/texts",
            "\n".join("|" + "|".join(row) + "|" for row in rows),
        )

    def _predicted(self, probabilities):
        label = int(np.argmax(probabilities))
        return f"{self._dataset.classes[label]} ({probabilities[label]:.0%})"


def _escape(text):
    """Shortens a text and escapes what Markdown would read as markup."""
    text = text.decode("utf-8")
    short = text[:_CHARACTERS] + "…" * (len(text) > _CHARACTERS)
    return "".join(f"&#{ord(c)};" if c in "|*_`<>&#[]" else c for c in short)
