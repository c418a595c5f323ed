"""The weights of classes, as sample weights of batches."""

import numbers
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from lit_tf import errors


def applied(
    batches: tf.data.Dataset,
    class_weight: Mapping[int, float] | None,
    first: Any,
) -> tf.data.Dataset:
    """Returns batches with the weights of their classes multiplied in.

    Args:
        batches: (inputs, labels) or (inputs, labels, weights).
        class_weight: weight of the examples of each class number; None for 1.
        first: a batch.

    Raises:
        SettingsError: as `weighted`.
    """
    if not class_weight:
        return batches
    return batches.map(weighted(class_weight, first))


def weighted(
    class_weight: Mapping[int, float], first: Any
) -> Callable[..., Any]:
    """Returns a function of a batch that multiplies weights of classes in.

    Args:
        class_weight: weight of the examples of each class number.
        first: a batch of the data.

    Raises:
        SettingsError: if the weights are not by class number, or the batch has
            not one array of labels.
    """
    errors.require(
        all(isinstance(key, numbers.Integral) for key in class_weight),
        "`class_weight` must be a dictionary of weights by class number.",
        class_weight=class_weight,
    )
    is_pair = isinstance(first, tuple) and len(first) > 1
    errors.require(
        is_pair and not tf.nest.is_nested(first[1]),
        "`class_weight` needs batches (inputs, labels) with one array of "
        "labels.",
        class_weight=class_weight,
    )
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            tf.constant(list(class_weight), tf.int64),
            tf.constant(list(class_weight.values()), tf.float32),
        ),
        default_value=1.0,
    )

    def weigh(x, y, *weights):
        classes = y
        if y.shape.rank and y.shape.rank > 1 and y.shape[-1] != 1:
            classes = tf.argmax(y, axis=-1)
        classes = tf.reshape(tf.cast(classes, tf.int64), [-1])
        weight = table.lookup(classes)
        for one in weights:
            weight *= tf.cast(tf.reshape(one, [-1]), tf.float32)
        return x, y, weight

    return weigh
