"""`ImageLayers`: layers of Keras that augment each image alone."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from lit_tf import layers

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (11, 6, 8, 3)).astype("uint8")


def test_jitter_is_that_of_keras():
    layer = layers.ImageLayers(channels=3, white=255.0, color_jitter=0.4)
    kinds = [type(one) for (one,) in layer.stages]
    assert kinds == [
        keras.layers.RandomBrightness,
        keras.layers.RandomContrast,
        keras.layers.RandomSaturation,
    ]
    gray = tf.fill([1, 4, 4, 3], 100.0)  # Contrast and saturation change none.
    values = [
        float(layer(gray, lambda _, key=key: tf.constant([key]))[0, 0, 0, 0])
        for key in range(20)
    ]
    assert 0 <= min(values) < 60 < 140 < max(values) <= 100 + 0.4 * 255


@pytest.mark.parametrize("channels", [1, 3])
def test_rand_augment_applies_layers_of_keras_to_each_image_alone(channels):
    layer = layers.ImageLayers(
        channels=channels, white=255.0, rand_augment=0.3, operations=1
    )
    (kinds,) = layer.stages
    assert len(kinds) == {1: 10, 3: 11}[channels]
    images = IMAGES[..., :channels]
    keys = tf.constant(RANDOM.integers(0, 2**31, 11, np.int32))
    whole = layer(tf.constant(images), lambda _: keys).numpy()
    assert whole.dtype == np.uint8
    assert (whole != images).any(axis=(1, 2, 3)).sum() >= 5
    for k in range(11):
        one = tf.constant(images[k : k + 1])
        alone = layer(one, lambda _, k=k: keys[k : k + 1])
        np.testing.assert_array_equal(alone[0], whole[k])


@pytest.fixture(scope="module")
def changes():
    """Mean absolute changes of a smooth image by each operation, by strength.

    Without those that have no strength.
    """
    ramp = np.linspace(0, 250, 32, dtype="float32")
    image = np.stack([ramp + 0 * ramp[:, None], ramp[:, None] + 0 * ramp])
    images = np.stack([image[0], image[1], image.mean(0)], -1)[None]
    images = tf.constant(np.repeat(images, 16, axis=0))
    found = {}
    for strength in (0.02, 0.2, 0.5):
        layer = layers.ImageLayers(
            channels=3, white=255.0, rand_augment=strength, operations=1
        )
        for one in layer.stages[0][:9]:
            drawn = one.get_random_transformation(
                images, seed=keras.random.SeedGenerator(1)
            )
            changed = np.clip(one.transform_images(images, drawn), 0, 255)
            change = np.abs(changed - images).mean()
            found.setdefault(type(one).__name__, []).append(change)
    return found


def test_rand_augment_changes_little_at_a_small_strength(changes):
    assert len(changes) == 9
    for name, (small, medium, large) in changes.items():
        assert small < 8, name
        assert small <= medium < large, name


@pytest.mark.parametrize(("strength", "bits"), [(0.1, 8), (0.3, 7), (1.0, 4)])
def test_posterization_keeps_more_bits_at_a_smaller_strength(strength, bits):
    layer = layers.ImageLayers(channels=3, white=255.0, rand_augment=strength)
    kind = keras.layers.RandomPosterization
    (one,) = (x for x in layer.stages[0] if isinstance(x, kind))
    whole = tf.reshape(tf.range(256.0), [1, 16, 16, 1])
    drawn = one.get_random_transformation(
        whole, seed=keras.random.SeedGenerator(1)
    )
    kept = np.unique(one.transform_images(whole, drawn))
    assert len(kept) == 2**bits


def test_jitter_raises_and_lowers_contrast_and_saturation():
    layer = layers.ImageLayers(channels=3, white=255.0, color_jitter=0.4)
    _, (contrast,), (saturation,) = layer.stages
    pixels = np.array([[100, 120, 140], [120, 100, 130]], "float32")
    images = tf.constant(np.tile(pixels, (64, 1, 1, 1)))
    for one, measured in (
        (contrast, lambda x: x.std(axis=(1, 2))[:, 0]),
        (
            saturation,
            lambda x: 1 - x.min(axis=-1)[:, 0, 0] / x.max(-1)[:, 0, 0],
        ),
    ):
        drawn = one.get_random_transformation(
            images, seed=keras.random.SeedGenerator(1)
        )
        changed = np.array(one.transform_images(images, drawn))
        ratio = measured(changed) / measured(images.numpy())
        assert 0.59 < ratio.min() < 0.7 and 1.3 < ratio.max() < 1.41


def test_a_hue_moves_around_the_circle_of_colors_both_ways():
    layer = layers.ImageLayers(channels=3, white=255.0, hue=0.1)
    colors = np.array([[[200, 80, 80], [80, 200, 80], [90, 90, 90]]], "float32")
    keys = tf.range(64) * 2**20
    images = tf.constant(np.tile(colors, (64, 1, 1, 1)))
    hsv = tf.image.rgb_to_hsv(layer(images, lambda _: keys) / 255).numpy()
    moved = (hsv[..., 0] - [0, 1 / 3, 0] + 0.5) % 1 - 0.5
    for shifts in (moved[:, 0, 0], moved[:, 0, 1]):
        assert -0.101 < shifts.min() < -0.08 and 0.08 < shifts.max() < 0.101
    # Saturation and value stay, and gray has no hue.
    expected = tf.image.rgb_to_hsv(images / 255).numpy()
    np.testing.assert_allclose(hsv[..., 1:], expected[..., 1:], atol=1e-5)


def test_the_layers_leave_the_state_of_random_numbers_alone():
    random.seed(5)
    expected = random.random()
    random.seed(5)
    layers.ImageLayers(
        channels=3, white=255.0, color_jitter=0.1, rand_augment=0.1
    )
    assert random.random() == expected
