"""The handwritten digits: images, labels and split."""

import numpy as np
import pytest
from sklearn import datasets

from lit_tf.data import digits


def test_every_fifth_image_is_a_test_image():
    loaded, bunch = digits.load(), datasets.load_digits()
    images, labels = bunch.images[..., np.newaxis], bunch.target
    np.testing.assert_array_equal(loaded.test.inputs, images[::5])
    np.testing.assert_array_equal(loaded.test.labels, labels[::5])
    rest = np.arange(1797) % 5 > 0
    np.testing.assert_array_equal(loaded.train.inputs, images[rest])
    np.testing.assert_array_equal(loaded.train.labels, labels[rest])


def test_mean_and_standard_deviation_are_those_of_the_training_images():
    loaded = digits.load()
    assert loaded.stem["mean"] == pytest.approx(
        [loaded.train.inputs.mean()], abs=0.01
    )
    assert loaded.stem["std"] == pytest.approx(
        [loaded.train.inputs.std()], abs=0.01
    )


def test_a_digit_is_never_flipped():
    assert not digits.load().crop.flip


def test_the_data_folder_is_not_used():
    assert digits.load("nowhere", True).fingerprint == (
        digits.load().fingerprint
    )
