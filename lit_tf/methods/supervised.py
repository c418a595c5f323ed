"""`Teach`: phase `teach`, and the baseline of training from scratch."""

from typing import Any

import keras

from lit_tf.methods.trainer import Trainer
from lit_tf.outputs import Classes, Outputs


class Teach(Trainer):
    """Trains a model on its labels alone, without a teacher.

    The metrics are `hard`, the loss on labels, and `total`, which equals it.

    Example:
    ```python
    import lit_tf

    digits = lit_tf.data.load(lit_tf.config.Data(dataset="digits"))
    model = lit_tf.models.get("resnet14")(**digits.form)
    trainer = lit_tf.Teach(model)
    trainer.compile(lit_tf.SGD(0.1, momentum=0.9, weight_decay=1e-4))
    trainer.fit(digits.train.inputs, digits.train.labels, epochs=2)
    ```

    Args:
        student: the model to train; in phase `teach` the future teacher.
        outputs: the kind of its output, with the loss; `Classes()` when None.
        **kwargs: arguments of `keras.Model`.

    Raises:
        SettingsError: if the model's output is of another kind than `outputs`.
    """

    def __init__(
        self,
        student: keras.Model,
        *,
        outputs: Outputs | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            student, ("hard", "total"), outputs=outputs or Classes(), **kwargs
        )

    def terms(self, x, y, *, training):
        z = self.student(x, training=training)
        hard = self.outputs.hard(y, z)
        return {"hard": hard, "total": hard}, z
