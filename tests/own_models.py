"""Small models of a user, data for them, and a short `lit_tf.compress`."""

import keras
import numpy as np
import seeds

import lit_tf

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(96, 6)).astype("float32")
CLASSES = (INPUTS[:, 0] > 0).astype("int32")
VALUES = INPUTS[:, :1]


def built(*ends, **compiled):
    """Returns a model of four blocks, each with a dense layer and a norm.

    Args:
        *ends: units and activation of each output.
        **compiled: arguments of `compile`; without any it is not compiled.
    """
    seeds.set_all(1)
    x = start = keras.Input((6,), name="x")
    x = keras.layers.Dense(8, activation="relu", name="stem")(x)
    for j in range(4):
        y = keras.layers.Dense(8, activation="relu", name=f"dense_{j}")(x)
        y = keras.layers.BatchNormalization(momentum=0.9, name=f"norm_{j}")(y)
        x = keras.layers.Add(name=f"add_{j}")([x, y])
    outputs = [
        keras.layers.Dense(*end, name=f"end_{k}")(x)
        for k, end in enumerate(ends)
    ]
    model = keras.Model(
        start, outputs if len(outputs) > 1 else outputs[0], name="mine"
    )
    if compiled:
        model.compile("adam", **compiled)
    return model


def classifier(**compiled):
    return built((2, "softmax"), **compiled)


def compress(model, *data, **changes):
    how = {"keep": 2, "epochs": 2, "min_teacher_accuracy": 0}
    return lit_tf.compress(model, *data, **how | changes)
