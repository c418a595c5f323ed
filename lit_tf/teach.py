"""`Teach`: phase `teach`, and training from scratch."""

from typing import Any

import keras

from lit_tf import losses, outputs, trainer


class Teach(trainer.Trainer):
    """Trains a model on its labels alone: phase `teach`.

    Args:
        student: the teacher-to-be.
    """

    def __init__(self, student: keras.Model, **kwargs: Any):
        super().__init__(
            student,
            None,
            ("hard", "total"),
            outputs=outputs.Classes(),
            **kwargs,
        )

    def terms(self, x, y, *, training):
        logits = self.student(x, training=training)
        hard = losses.hard(y, logits)
        return {"hard": hard, "total": hard}, logits
