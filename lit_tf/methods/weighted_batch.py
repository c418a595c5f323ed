"""A batch of `fit`: inputs, labels and the weights of the examples."""

from typing import Any

import keras
import tensorflow as tf

from lit_tf import errors
from lit_tf.methods import replicas
from lit_tf.outputs import Outputs, Terms


def unpack(data: Any, outputs: Outputs) -> tuple[Any, Any, Any]:
    """Returns the inputs, the labels and the sample weights of a batch.

    Args:
        data: a batch as `train_step` receives it.
        outputs: the kind of output. If it reads no labels, they are zeros.

    Raises:
        SettingsError: if the batch has no labels.
    """
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if not outputs.reads_labels:
        y = tf.zeros([replicas.count(x)])
    if y is None:
        raise errors.SettingsError(
            "Training and evaluation need labels. Received: inputs without "
            "labels."
        )
    return x, y, sample_weight


def weigh(terms: Terms, weight: tf.Tensor | None) -> Terms:
    """Returns the terms of a loss, weighted by example.

    Args:
        terms: the terms by name, each `[batch]`.
        weight: `[batch]` or `[batch, 1]`; None for no weights.

    Raises:
        SettingsError: if there are several weights for an example.
    """
    if weight is None:
        return terms
    weight = tf.convert_to_tensor(weight)  # Eagerly, it may be an array.
    if weight.shape.rank not in (None, 1) and weight.shape[1:] != [1]:
        raise errors.SettingsError(
            "`sample_weight` must be one weight for each example, [batch]; of "
            "classes also one for each position. To leave out positions, use "
            "the mask of Keras or a loss with `ignore_class`. Received: shape "
            f"{weight.shape}."
        )
    weight = tf.cast(tf.reshape(weight, [-1]), tf.float32)
    return {name: value * weight for name, value in terms.items()}
