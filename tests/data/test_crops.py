"""Augmentation by hand: crops and flips follow the random integers."""

import numpy as np
import pytest
import tensorflow as tf

from lit_tf.data import crops, image_tensors

IMAGE = [[1, 2, 3], [4, 5, 6]]


def augmented(crop, images, *draws):
    """Returns the images augmented with the draws: top, left, flip."""
    images = tf.constant(images, tf.uint8)[..., tf.newaxis]
    result = crop(images, lambda number: tf.constant(draws[number]))
    assert result.dtype == images.dtype and result.shape == images.shape
    return result[..., 0].numpy().tolist()


@pytest.mark.parametrize(
    ("top", "left", "flip", "expected"),
    [
        (1, 1, 0, [[1, 2, 3], [4, 5, 6]]),
        (0, 0, 0, [[0, 0, 0], [0, 1, 2]]),
        (2, 2, 0, [[5, 6, 0], [0, 0, 0]]),
        (0, 2, 0, [[0, 0, 0], [2, 3, 0]]),
        (1, 1, 1, [[3, 2, 1], [6, 5, 4]]),
        (1, 2, 1, [[0, 3, 2], [0, 6, 5]]),
        (3, 5, 3, [[0, 0, 0], [0, 3, 2]]),  # Modulo 3, 3 and 2.
    ],
)
def test_a_crop_shifts_and_flips_as_drawn(top, left, flip, expected):
    crop = crops.Crop(pad=1, flip=True)
    assert augmented(crop, [IMAGE], [top], [left], [flip]) == [expected]


def test_each_image_has_its_own_draws():
    crop = crops.Crop(pad=1, flip=True)
    results = augmented(crop, [IMAGE, IMAGE], [1, 0], [1, 0], [1, 0])
    assert results == [[[3, 2, 1], [6, 5, 4]], [[0, 0, 0], [0, 1, 2]]]


def test_without_flip_no_image_is_flipped():
    results = augmented(crops.Crop(pad=1), [IMAGE], [1], [1], [1])
    assert results == [IMAGE]


def test_without_padding_and_flip_an_image_is_unchanged():
    results = augmented(
        crops.Crop(), [IMAGE] * 3, [0, 1, 2], [2, 1, 0], [0, 1, 1]
    )
    assert results == [IMAGE] * 3


def test_the_channels_of_a_pixel_stay_together():
    images = np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3)
    crop = crops.Crop(flip=True)
    flipped = crop(tf.constant(images), lambda _: tf.constant([1]))
    np.testing.assert_array_equal(flipped, images[:, :, ::-1])


def test_the_default_crop_leaves_inputs_of_any_kind_unchanged():
    codes = tf.constant([[1, 2, 0], [3, 0, 0]], tf.uint8)
    assert crops.Crop()(codes, None) is codes


def test_bytes_survive_the_conversion_to_the_unit_range_and_back():
    levels = tf.range(256)
    units = image_tensors.unit(tf.cast(levels, tf.uint8))
    assert units.dtype == tf.float32
    np.testing.assert_allclose(units, np.linspace(-1, 1, 256), atol=1e-6)
    back = image_tensors.to_bytes(units)
    assert back.dtype == tf.uint8
    np.testing.assert_array_equal(back, levels)


def test_a_value_between_two_bytes_becomes_the_nearest_byte():
    levels = np.array([0.4, 0.6, 99.4, 99.6, 254.4, 254.6])
    images = tf.constant(levels / 127.5 - 1, tf.float32)
    expected = [0, 1, 99, 100, 254, 255]
    np.testing.assert_array_equal(image_tensors.to_bytes(images), expected)


def test_values_outside_the_range_become_black_or_white():
    images = tf.constant([-7.0, -1.01, 1.01, 9.0], tf.bfloat16)
    np.testing.assert_array_equal(
        image_tensors.to_bytes(images), [0, 0, 255, 255]
    )
