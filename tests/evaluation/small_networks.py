"""Small networks and images for tests of feature extractors."""

import keras
import numpy as np

L = keras.layers


def images(count=3, height=8, width=8):
    random = np.random.default_rng(0)
    shape = (count, height, width, 3)
    return random.uniform(-1, 1, shape).astype("float32")


def network(*layers, shape=(8, 8, 3), name="classifier", **settings):
    x = start = keras.Input(shape, **settings)
    for layer in layers:
        x = layer(x)
    return keras.Model(start, x, name=name)


def conv(**settings):
    """Returns a convolution that is the same each time."""
    seeded = keras.initializers.GlorotUniform(seed=0)
    return L.Conv2D(4, 3, kernel_initializer=seeded, **settings)


def body():
    return [conv(), L.GlobalAveragePooling2D()]
