"""Models of dense parts, and a comparison of two models."""

import keras
import numpy as np

from lit_tf.sections.sectioned_model import SectionedModel


def part(name, inputs, outputs):
    x = keras.Input((inputs,), name="x")
    return keras.Model(x, keras.layers.Dense(outputs)(x), name=name)


def dense(*, inputs=4, stem=6, sections=((6, 6), (6, 6)), classes=3):
    return SectionedModel(
        part("stem", inputs, stem),
        [part(f"section_{k}", *io) for k, io in enumerate(sections, 1)],
        part("head", sections[-1][1], classes),
    )


def assert_same_outputs(model, other, x):
    np.testing.assert_array_equal(
        model(x, training=False), other(x, training=False)
    )


def residual(x, head=None):
    """Adds three residual blocks and a head of three outputs."""
    for k in range(3):
        y = keras.layers.Dense(6, activation="relu", name=f"block_{k}")(x)
        x = keras.layers.Add(name=f"add_{k}")([x, y])
    return (head or keras.layers.Dense(3, name="out"))(x)
