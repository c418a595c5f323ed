"""Models made of chains of layers."""

import keras
import numpy as np
import seeds

from lit_tf import layers
from lit_tf.sections.sectioned_model import SectionedModel


def randomize(model):
    """Sets the weights to values that depend on nothing else."""
    random = np.random.default_rng(0)
    for variable in model.weights:
        values = random.normal(0, 0.2, variable.shape)
        # A moving variance is positive.
        variable.assign(1 + values if "moving" in variable.path else values)


def chain(input_, *chained, name=None):
    """Returns a functional model of a chain of layers."""
    x = input_
    for layer in chained:
        x = layer(x)
    return keras.Model(input_, x, name=name)


def small(*, stem=(), head=()):
    """A model with BatchNorm of `lit_tf`; layers at the ends may be shared."""
    seeds.set_all(0)
    norm = layers.BatchNormalization(name="norm")
    return SectionedModel(
        chain(keras.Input((4,)), *stem, norm, name="stem"),
        [
            chain(
                keras.Input((4,)),
                keras.layers.Dense(4, name="dense"),
                layers.BatchNormalization(name="norm"),
                name="section_1",
            )
        ],
        chain(keras.Input((4,)), *head, layers.Float32(), name="head"),
        depth=3,
        facts={"epochs": [1, 2]},
    )
