"""A few validation texts, and what teacher and student say of them."""

import keras
import numpy as np
import tensorflow as tf

from lit_tf import data, layers
from lit_tf.sections import sectioned_model
from lit_tf.training import checkpoint, metric_logs

_TEXTS = 8
_CHARACTERS = 160  # Of each, that are shown.


class Readings(keras.callbacks.Callback):
    """Shows texts and answers in TensorBoard, where the student reads texts.

    Args:
        logs: where to.
        position: where the phase is.
        dataset: whose first validation texts are shown.
    """

    def __init__(
        self,
        logs: metric_logs.Logs,
        position: checkpoint.Position,
        dataset: data.Dataset,
    ):
        super().__init__()
        self._logs = logs
        self._position = position
        self._dataset = dataset

    def on_epoch_end(self, epoch, logs=None):
        student, teacher = self.model.student, self.model.teacher
        reader = sectioned_model.opening(student, layers.Characters)
        validation = self._dataset.validation
        if reader is None or validation is None:
            return
        codes = tf.constant(validation.inputs[:_TEXTS])
        columns = {"text": map(_shown, reader.decode(codes).numpy())}
        columns["label"] = [
            self._dataset.classes[label] for label in validation.labels[:_TEXTS]
        ]
        for role, model in (("teacher", teacher), ("student", student)):
            if model is not None:
                logits = model(codes, training=False)
                columns[role] = map(self._said, tf.nn.softmax(logits).numpy())
        rows = [tuple(columns), ("---",) * len(columns)]
        rows += zip(*columns.values(), strict=True)
        self._logs.show_text(
            self._position.step,
            "validation/texts",
            "\n".join("|" + "|".join(row) + "|" for row in rows),
        )

    def _said(self, probabilities):
        most = int(np.argmax(probabilities))
        return f"{self._dataset.classes[most]} ({probabilities[most]:.0%})"


def _shown(text):
    text = text.decode("utf-8")
    cut = text[:_CHARACTERS] + "…" * (len(text) > _CHARACTERS)
    # What would be taken for a table or for emphasis.
    return "".join(f"&#{ord(c)};" if c in "|*_`<>&#[]" else c for c in cut)
