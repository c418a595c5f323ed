"""A classifier of two inputs, and data for it."""

import keras
import numpy as np
import seeds

NAMES = ("image", "metadata")


def examples(count=60, seed=0):
    """Returns images with two numbers each, and their classes."""
    random = np.random.default_rng(seed)
    inputs = {
        "image": random.integers(0, 256, (count, 4, 4, 1), dtype=np.uint8),
        "metadata": random.normal(size=(count, 2)).astype(np.float32),
    }
    return inputs, np.arange(count, dtype=np.int32) % 3


def network(names=NAMES, *, nested=dict, seed=0):
    """Returns a model that joins both inputs in its stem, with two blocks.

    Args:
        names: names of the image and of the numbers.
        nested: dict, or list for a list of both in the reverse order.
        seed: the seed of the weights.
    """
    seeds.set_all(seed)
    image, numbers = (
        keras.Input(shape, name=name)
        for shape, name in zip(((4, 4, 1), (2,)), names, strict=True)
    )
    x = keras.layers.Rescaling(1 / 255, name="rescaling")(image)
    x = keras.layers.Flatten(name="flat")(x)
    x = keras.layers.Concatenate(name="joined")([x, numbers])
    x = keras.layers.Dense(8, activation="tanh", name="stem")(x)
    for k in range(2):
        y = keras.layers.Dense(8, activation="tanh", name=f"dense_{k}")(x)
        x = keras.layers.Add(name=f"block_{k}")([x, y])
    x = keras.layers.Dense(3, name="answer")(x)
    inputs = dict(zip(names, (image, numbers), strict=True))
    inputs = inputs if nested is dict else [numbers, image]
    return keras.Model(inputs, x, name="two")
