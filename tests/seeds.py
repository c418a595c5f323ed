"""Seeds of new layers, as `keras.utils.set_random_seed` sets them.

That function also empties TensorFlow's cache of kernels, which takes a sixth of
the time of a test: operations after it create theirs again.
"""

import random

import numpy as np


def set_all(seed):
    """Determines the weights of layers, and what NumPy draws."""
    random.seed(seed)
    np.random.seed(seed)
