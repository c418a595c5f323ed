"""A warning of a teacher that is no better than chance."""

import operator
import warnings
from typing import Any

import keras
import numpy as np

from lit_tf.evaluation import classification
from lit_tf.losses import distillation
from lit_tf.outputs import Classes
from lit_tf.teacher.frozen import output_alone

_EXAMPLES = 256
_BATCH = 64


def warn_of_chance(trainer: keras.Model, x: Any, y: Any) -> None:
    """Warns if a teacher of classes guesses on some of the training examples.

    Nothing is evaluated unless there are enough examples, in arrays.

    Args:
        trainer: a trainer with a frozen teacher.
        x: inputs, `[examples, ...]`, nested as `fit` takes them.
        y: class numbers or one-hot labels, as `fit` takes them.
    """
    arrays = [*keras.tree.flatten(x), y]
    if not all(isinstance(array, np.ndarray) for array in arrays):
        return
    if not isinstance(trainer.outputs, Classes) or y.ndim > 2:
        return
    if len(y) < _EXAMPLES or any(len(array) != len(y) for array in arrays):
        return
    chosen = np.linspace(0, len(y) - 1, _EXAMPLES).astype(int)
    labels = classification.class_numbers(y[chosen])
    ignored = trainer.outputs.ignored is not None
    if ignored or (labels < 0).any() or len(set(labels)) < 2:
        return
    teacher = output_alone(trainer.frozen)
    predicted = []
    for batch in np.split(chosen, _EXAMPLES // _BATCH):
        inputs = keras.tree.map_structure(operator.itemgetter(batch), x)
        z = trainer.outputs.plain(teacher(inputs, training=False))
        if len(z.shape) > 2:
            return
        classes = keras.ops.argmax(distillation.of_classes(z), axis=-1)
        predicted.append(keras.ops.convert_to_numpy(classes))
    predicted = np.concatenate(predicted)
    accuracy, chance = classification.judged(predicted, labels)
    if chance is not None:
        warnings.warn(
            f"The teacher is no better than chance on {_EXAMPLES} training "
            f"examples: its accuracy is {accuracy:.2%}, where chance gives "
            f"{chance:.2%}. Check the order of its classes, the scale of its "
            "inputs and whether its weights are trained.",
            stacklevel=3,
        )
