"""`Teach`: phase `teach`, and training from scratch."""

from typing import Any

import keras

from lit_tf.methods import trainer
from lit_tf.outputs import Classes, Outputs


class Teach(trainer.Trainer):
    """Trains a model on its labels alone: phase `teach`.

    Args:
        student: the teacher-to-be.
        outputs: what it answers with, and its loss; by default classes.
        **kwargs: of `keras.Model`.
    """

    def __init__(
        self,
        student: keras.Model,
        *,
        outputs: Outputs | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            student,
            None,
            ("hard", "total"),
            outputs=outputs or Classes(),
            **kwargs,
        )

    def terms(self, x, y, *, training):
        logits = self.student(x, training=training)
        hard = self.outputs.hard(y, logits)
        return {"hard": hard, "total": hard}, logits
