"""Variations of a batch, by hand: they do what the draws say."""

import numpy as np
import pytest
import tensorflow as tf

from lit_tf.data import augment

IMAGE = [[1, 2, 3], [4, 5, 6]]


def vary(crop, images, *draws):
    """Returns the images varied by the draws: top, left, mirror."""
    images = tf.constant(images, tf.uint8)[..., tf.newaxis]
    varied = crop(images, lambda number: tf.constant(draws[number]))
    assert varied.dtype == images.dtype and varied.shape == images.shape
    return varied[..., 0].numpy().tolist()


@pytest.mark.parametrize(
    ("top", "left", "mirror", "varied"),
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
def test_a_crop_cuts_and_mirrors_as_drawn(top, left, mirror, varied):
    crop = augment.Crop(pad=1, flip=True)
    assert vary(crop, [IMAGE], [top], [left], [mirror]) == [varied]


def test_each_image_has_draws_of_its_own():
    crop = augment.Crop(pad=1, flip=True)
    results = vary(crop, [IMAGE, IMAGE], [1, 0], [1, 0], [1, 0])
    assert results == [[[3, 2, 1], [6, 5, 4]], [[0, 0, 0], [0, 1, 2]]]


def test_without_flip_nothing_is_mirrored():
    results = vary(augment.Crop(pad=1), [IMAGE], [1], [1], [1])
    assert results == [IMAGE]


def test_without_padding_and_flip_an_image_stays_as_it_is():
    results = vary(augment.Crop(), [IMAGE] * 3, [0, 1, 2], [2, 1, 0], [0, 1, 1])
    assert results == [IMAGE] * 3


def test_the_channels_of_a_pixel_stay_together():
    images = np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3)
    crop = augment.Crop(flip=True)
    varied = crop(tf.constant(images), lambda _: tf.constant([1]))
    np.testing.assert_array_equal(varied, images[:, :, ::-1])


def test_a_crop_of_nothing_leaves_inputs_of_any_kind_as_they_are():
    codes = tf.constant([[1, 2, 0], [3, 0, 0]], tf.uint8)
    assert augment.Crop()(codes, None) is codes


def test_bytes_that_become_a_unit_become_the_same_bytes():
    every = tf.range(256)
    units = augment.unit(tf.cast(every, tf.uint8))
    assert units.dtype == tf.float32
    np.testing.assert_allclose(units, np.linspace(-1, 1, 256), atol=1e-6)
    back = augment.to_bytes(units)
    assert back.dtype == tf.uint8
    np.testing.assert_array_equal(back, every)


def test_what_lies_between_two_bytes_becomes_the_nearer():
    levels = np.array([0.4, 0.6, 99.4, 99.6, 254.4, 254.6])
    images = tf.constant(levels / 127.5 - 1, tf.float32)
    wanted = [0, 1, 99, 100, 254, 255]
    np.testing.assert_array_equal(augment.to_bytes(images), wanted)


def test_what_is_lighter_than_white_is_white():
    images = tf.constant([-7.0, -1.01, 1.01, 9.0], tf.bfloat16)
    np.testing.assert_array_equal(augment.to_bytes(images), [0, 0, 255, 255])
