"""Averages of the trained variables, in place of them where a model is used.

An optimizer of Keras with `use_ema` keeps an exponential moving average of each
variable that it trains. The averages are validated, kept as the best student
and returned by the phase; training goes on from the variables themselves.
"""

import keras
import numpy as np

from lit_tf.methods import gradients, trainer


def of(
    model: trainer.Trainer,
) -> list[tuple[keras.Variable, keras.Variable]]:
    """Returns pairs of a trained variable and its average.

    Args:
        model: the compiled trainer.

    Returns:
        The pairs; none without averages, or before the first step.
    """
    optimizer = gradients.inner(model.optimizer)
    if not optimizer.use_ema or not optimizer.iterations.numpy():
        return []
    averages = optimizer._model_variables_moving_average
    return list(zip(model.trained_variables, averages, strict=True))


def student_values(model: trainer.Trainer) -> list[np.ndarray]:
    """Returns the student's variables, averages for those that have one."""
    by_variable = {id(variable): average for variable, average in of(model)}
    return [by_variable.get(id(v), v).numpy() for v in model.student.variables]


class UseAverages(keras.callbacks.Callback):
    """Validates averages, and trains on from the variables themselves.

    At the end of `fit`, Keras assigns the averages to the variables. Call
    `put_back` after it.
    """

    def __init__(self):
        super().__init__()
        self._trained = []

    def on_epoch_begin(self, epoch, logs=None):
        # One `fit` trains several epochs. The steps of this one change the
        # variables that `on_epoch_end` of the last one remembered.
        self._trained = []

    def on_test_begin(self, logs=None):
        self._remember()
        for variable, average in of(self.model):
            variable.assign(average)

    def on_test_end(self, logs=None):
        self.put_back()

    def on_epoch_end(self, epoch, logs=None):
        self._remember()

    def put_back(self) -> None:
        """Assigns to the variables what they were before the averages."""
        for variable, value in self._trained:
            variable.assign(value)
        self._trained = []

    def _remember(self):
        self._trained = [(v, v.numpy()) for v, _ in of(self.model)]
