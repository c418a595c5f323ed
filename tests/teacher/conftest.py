"""A small dataset, and a trainer whose teacher is cached."""

import dataclasses

import numpy as np
import pytest

from lit_tf import config, data, models
from lit_tf.data import crops
from lit_tf.methods import lit


@pytest.fixture(scope="module")
def digits():
    """A part of digits, augmented."""
    whole = data.load(config.Data())
    return dataclasses.replace(
        whole,
        train=whole.train.take(np.arange(250)),
        crop=crops.Crop(pad=1, flip=True),
    )


@pytest.fixture(scope="module")
def model(digits, small_family):
    """A trainer whose teacher has moving statistics of the data."""
    teacher = models.get("small10")(**digits.form)
    for _ in range(3):
        teacher(digits.train.inputs, training=True)
    return lit.LIT(teacher, models.get("small6")(**digits.form))
