"""Test split of data that have none: the same examples in every run."""

import random

import numpy as np

# The published StarGAN code draws its test images in the same way.
_TEST, _SEED = 1999, 1234


def draw(count: int) -> np.ndarray:
    """Draws a tenth of the examples, at most 1,999, as the test split.

    The draw depends on `count` alone. From 20,000 examples on, they are those
    that the published StarGAN code draws from a list of equal length.

    Args:
        count: the number of examples.

    Returns:
        Whether each example is a test example, `[count]`, bool.
    """
    order = list(range(count))
    random.Random(_SEED).shuffle(order)
    test = np.zeros(count, bool)
    test[order[: max(1, min(count // 10, _TEST))]] = True
    return test
