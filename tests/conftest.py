"""What every test needs: two logical CPUs, quiet TensorFlow, tiny models."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import tensorflow as tf

from lit_tf import models

# Before TensorFlow starts: a second replica on any machine.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)

FORM = {
    "input_shape": (8, 8, 3),
    "classes": 5,
    "mean": (120.0, 125.0, 130.0),
    "std": (60.0, 62.0, 64.0),
}


@pytest.fixture
def build():
    """A function: architecture → a tiny model with seeded weights."""

    def make(name="resnet8", seed=0, **form):
        keras.utils.set_random_seed(seed)
        return models.get(name)(**FORM | form)

    return make


@pytest.fixture
def batch():
    """A function: size → raw images and labels that fit `build`'s models."""

    def make(size=8, seed=0):
        random = np.random.default_rng(seed)
        images = random.integers(0, 256, (size, *FORM["input_shape"]))
        labels = random.integers(0, FORM["classes"], size)
        return images.astype(np.float32), labels.astype(np.int32)

    return make
