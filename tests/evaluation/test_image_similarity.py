"""Image similarity: values and gradients by hand, small images, errors."""

import math

import numpy as np
import pytest
import tensorflow as tf

from lit_tf import errors
from lit_tf.evaluation import image_similarity

EVERY = pytest.mark.parametrize(
    "measure",
    [
        image_similarity.l1,
        image_similarity.l2,
        image_similarity.ssim,
    ],
)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


def pair():
    """Returns 1 × 2 images: half of the first differs by 2, the second by ½."""
    reference = np.zeros((2, 1, 2, 3), np.float32)
    images = reference + 0.5
    reference[0], images[0] = -1, -1
    images[0, 0, 0] = 1
    return tf.constant(reference), tf.constant(images)


@pytest.mark.parametrize(
    ("measure", "values"),
    [
        (image_similarity.l1, [1 / 2, 1 / 4]),
        (image_similarity.l2, [1 / 2, 1 / 16]),
    ],
)
def test_the_value_equals_the_value_by_hand(measure, values):
    np.testing.assert_allclose(measure(*pair()), values, rtol=1e-6)


def test_psnr_is_the_same_on_the_scale_from_0_to_255():
    a, b = noise(1, 5, 5, 3), noise(1, 5, 5, 3, seed=1)
    squared = np.mean((127.5 * (a - b)) ** 2)
    expected = 10 * np.log10(255**2 / squared)
    similarity = image_similarity.Similarity()
    similarity.update(a, b)
    assert similarity.values["psnr"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("measure", "slopes"),
    [
        # The mean of 6 values: sign(d)/2/6, and 2 (d/2)/2/6.
        (image_similarity.l1, [1 / 12, 1 / 12]),
        (image_similarity.l2, [1 / 6, 1 / 24]),
    ],
)
def test_the_gradient_equals_the_gradient_by_hand(measure, slopes):
    reference, images = pair()
    with tf.GradientTape() as tape:
        tape.watch(images)
        value = measure(reference, images)
    gradient = tape.gradient(value, images)[:, 0, 0, 0]
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6)


def test_equal_images_have_the_best_values():
    same = noise(2, 16, 16, 3)
    np.testing.assert_array_equal(image_similarity.l1(same, same), [0, 0])
    np.testing.assert_array_equal(image_similarity.l2(same, same), [0, 0])
    np.testing.assert_allclose(
        image_similarity.ssim(same, same), [1, 1], atol=1e-6
    )


@EVERY
def test_measures_are_symmetric_and_treat_each_image_separately(measure):
    a, b = noise(3, 12, 16, 3), noise(3, 12, 16, 3, seed=1)
    values = measure(a, b)
    assert values.shape == (3,) and values.dtype == tf.float32
    assert len(set(values.numpy())) == 3
    np.testing.assert_allclose(measure(b, a), values, rtol=1e-5)
    alone = [measure(a[i : i + 1], b[i : i + 1])[0] for i in range(3)]
    np.testing.assert_allclose(alone, values, rtol=1e-5)


@EVERY
def test_half_precision_is_compared_in_float32(measure):
    a, b = (noise(1, 11, 11, 3, seed=s).astype("float16") for s in (0, 1))
    expected = measure(a.astype("float32"), b.astype("float32"))
    np.testing.assert_array_equal(measure(a, b), expected)


def one_window(a, b, side):
    """Computes the structural similarity of images of one window by hand."""
    a, b = (a.astype(float) + 1) / 2, (b.astype(float) + 1) / 2
    bell = np.exp(-((np.arange(side) - side // 2) ** 2) / (2 * 1.5**2))
    weights = np.outer(bell, bell)[..., None] / bell.sum() ** 2

    def mean(x):
        return np.sum(weights * x, axis=(0, 1))

    mean_a, mean_b = mean(a), mean(b)
    variances = mean((a - mean_a) ** 2) + mean((b - mean_b) ** 2)
    covariance = mean((a - mean_a) * (b - mean_b))
    first, second = 0.01**2, 0.03**2
    value = (2 * mean_a * mean_b + first) / (mean_a**2 + mean_b**2 + first)
    value *= (2 * covariance + second) / (variances + second)
    return value.mean()


@pytest.mark.parametrize(
    ("size", "side"), [((11, 11), 11), ((3, 3), 3), ((1, 1), 1)]
)
def test_the_structural_similarity_of_one_window_equals_the_value_by_hand(
    size, side
):
    a, b = noise(1, *size, 3), noise(1, *size, 3, seed=1)
    expected = one_window(a[0], b[0], side)
    np.testing.assert_allclose(
        image_similarity.ssim(a, b), [expected], rtol=1e-4
    )


@pytest.mark.parametrize("size", [(4, 4), (3, 9), (10, 3)])
def test_small_images_use_the_largest_odd_window_that_fits(size):
    a, b = noise(1, *size, 3), noise(1, *size, 3, seed=1)
    windows = [
        one_window(a[0, i : i + 3, j : j + 3], b[0, i : i + 3, j : j + 3], 3)
        for i in range(size[0] - 2)
        for j in range(size[1] - 2)
    ]
    expected = np.mean(windows)
    np.testing.assert_allclose(
        image_similarity.ssim(a, b), [expected], rtol=1e-4
    )


@pytest.mark.parametrize("size", [1, 3, 7])
def test_the_batch_size_does_not_change_the_similarity(size):
    a, b = noise(7, 12, 12, 3), noise(7, 12, 12, 3, seed=1)
    b[2] = a[2]  # Its infinite PSNR must not make the total infinite.
    collected = image_similarity.Similarity()
    for i in range(0, 7, size):
        collected.update(a[i : i + size], b[i : i + size])
    squared = float(np.mean(((a - b) / 2) ** 2))
    assert collected.count == 7
    assert collected.values == pytest.approx(
        {
            "l1": float(np.mean(np.abs(a - b) / 2)),
            "l2": squared,
            "psnr": -10 * math.log10(squared),
            "ssim": float(np.mean(image_similarity.ssim(a, b))),
        },
        rel=1e-6,
    )


def test_only_equal_sets_have_an_infinite_psnr():
    same = noise(2, 3, 3, 3)
    collected = image_similarity.Similarity()
    collected.update(same, same)
    assert collected.values["psnr"] == math.inf
    collected.update(same, -same)
    assert 0 < collected.values["psnr"] < math.inf


def test_a_similarity_of_no_images_is_refused():
    with pytest.raises(errors.DataError, match="at least 1.*Received: 0"):
        _ = image_similarity.Similarity().values


@EVERY
@pytest.mark.parametrize(
    "shape", [(2, 4, 4, 1), (1, 4, 4, 3), (2, 4, 3, 3), (4, 4, 3)]
)
def test_different_shapes_are_refused_and_both_are_named(measure, shape):
    reference = tf.zeros([2, 4, 4, 3])
    with pytest.raises(ValueError, match=r"\(2, 4, 4, 3\), images \(\d, "):
        measure(reference, tf.zeros(shape))


@EVERY
@pytest.mark.parametrize("shape", [(2, 4, 4, 1), (4, 4, 3)])
def test_inputs_that_are_not_images_are_refused(measure, shape):
    with pytest.raises(ValueError, match=r"\[batch, height, width, 3\]"):
        measure(tf.zeros(shape), tf.zeros(shape))


@EVERY
def test_pixels_from_0_to_255_are_refused(measure):
    pixels = np.zeros((2, 4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match=r"in \[−1, 1\].*float32.*uint8"):
        measure(tf.zeros([2, 4, 4, 3]), pixels)
