"""Likeness: values and gradients by hand, small pictures, what is refused."""

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
    """Returns pictures of 1 × 2: of one a half is off by 2, of one all by ½."""
    reference = np.zeros((2, 1, 2, 3), np.float32)
    pictures = reference + 0.5
    reference[0], pictures[0] = -1, -1
    pictures[0, 0, 0] = 1
    return tf.constant(reference), tf.constant(pictures)


@pytest.mark.parametrize(
    ("measure", "values"),
    [
        (image_similarity.l1, [1 / 2, 1 / 4]),
        (image_similarity.l2, [1 / 2, 1 / 16]),
    ],
)
def test_the_value_is_the_one_by_hand(measure, values):
    np.testing.assert_allclose(measure(*pair()), values, rtol=1e-6)


def test_psnr_is_the_same_on_the_scale_from_0_to_255():
    a, b = noise(1, 5, 5, 3), noise(1, 5, 5, 3, seed=1)
    squared = np.mean((127.5 * (a - b)) ** 2)
    expected = 10 * np.log10(255**2 / squared)
    similarity = image_similarity.Likeness()
    similarity.update(a, b)
    assert similarity.values["psnr"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("measure", "slopes"),
    [
        # Of 6 values: sign(d)/2/6, and 2 (d/2)/2/6.
        (image_similarity.l1, [1 / 12, 1 / 12]),
        (image_similarity.l2, [1 / 6, 1 / 24]),
    ],
)
def test_the_gradient_is_the_one_by_hand(measure, slopes):
    reference, pictures = pair()
    with tf.GradientTape() as tape:
        tape.watch(pictures)
        value = measure(reference, pictures)
    gradient = tape.gradient(value, pictures)[:, 0, 0, 0]
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6)


def test_a_picture_is_as_like_itself_as_can_be():
    same = noise(2, 16, 16, 3)
    np.testing.assert_array_equal(image_similarity.l1(same, same), [0, 0])
    np.testing.assert_array_equal(image_similarity.l2(same, same), [0, 0])
    np.testing.assert_allclose(
        image_similarity.ssim(same, same), [1, 1], atol=1e-6
    )


@EVERY
def test_order_does_not_matter_and_every_picture_has_its_own_value(measure):
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
    wanted = measure(a.astype("float32"), b.astype("float32"))
    np.testing.assert_array_equal(measure(a, b), wanted)


def one_window(a, b, side):
    """Returns the structural similarity of one window's pictures, by hand."""
    a, b = (a.astype(float) + 1) / 2, (b.astype(float) + 1) / 2
    bell = np.exp(-((np.arange(side) - side // 2) ** 2) / (2 * 1.5**2))
    weights = np.outer(bell, bell)[..., None] / bell.sum() ** 2

    def mean(x):
        return np.sum(weights * x, axis=(0, 1))

    of_a, of_b = mean(a), mean(b)
    variances = mean((a - of_a) ** 2) + mean((b - of_b) ** 2)
    covariance = mean((a - of_a) * (b - of_b))
    first, second = 0.01**2, 0.03**2
    value = (2 * of_a * of_b + first) / (of_a**2 + of_b**2 + first)
    value *= (2 * covariance + second) / (variances + second)
    return value.mean()


@pytest.mark.parametrize(
    ("size", "side"), [((11, 11), 11), ((3, 3), 3), ((1, 1), 1)]
)
def test_the_structural_similarity_of_one_window_is_the_one_by_hand(size, side):
    a, b = noise(1, *size, 3), noise(1, *size, 3, seed=1)
    wanted = one_window(a[0], b[0], side)
    np.testing.assert_allclose(image_similarity.ssim(a, b), [wanted], rtol=1e-4)


@pytest.mark.parametrize("size", [(4, 4), (3, 9), (10, 3)])
def test_small_pictures_have_the_largest_odd_window_that_fits(size):
    a, b = noise(1, *size, 3), noise(1, *size, 3, seed=1)
    windows = [
        one_window(a[0, i : i + 3, j : j + 3], b[0, i : i + 3, j : j + 3], 3)
        for i in range(size[0] - 2)
        for j in range(size[1] - 2)
    ]
    wanted = np.mean(windows)
    np.testing.assert_allclose(image_similarity.ssim(a, b), [wanted], rtol=1e-4)


@pytest.mark.parametrize("size", [1, 3, 7])
def test_likeness_over_all_pictures_is_that_of_a_single_batch(size):
    a, b = noise(7, 12, 12, 3), noise(7, 12, 12, 3, seed=1)
    b[2] = a[2]  # Of an infinite ratio, which must not make all infinite.
    collected = image_similarity.Likeness()
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


def test_only_equal_sets_have_an_infinite_ratio():
    same = noise(2, 3, 3, 3)
    collected = image_similarity.Likeness()
    collected.update(same, same)
    assert collected.values["psnr"] == math.inf
    collected.update(same, -same)
    assert 0 < collected.values["psnr"] < math.inf


def test_likeness_of_no_pictures_is_refused():
    with pytest.raises(errors.DataError, match="1 or more.*Received: 0"):
        _ = image_similarity.Likeness().values


@EVERY
@pytest.mark.parametrize(
    "shape", [(2, 4, 4, 1), (1, 4, 4, 3), (2, 4, 3, 3), (4, 4, 3)]
)
def test_another_shape_is_refused_and_both_are_named(measure, shape):
    reference = tf.zeros([2, 4, 4, 3])
    with pytest.raises(ValueError, match=r"\(2, 4, 4, 3\), pictures \(\d, "):
        measure(reference, tf.zeros(shape))


@EVERY
@pytest.mark.parametrize("shape", [(2, 4, 4, 1), (4, 4, 3)])
def test_what_are_no_pictures_is_refused_though_it_is_alike(measure, shape):
    with pytest.raises(ValueError, match=r"\[batch, height, width, 3\]"):
        measure(tf.zeros(shape), tf.zeros(shape))


@EVERY
def test_pixels_from_0_to_255_are_refused(measure):
    pixels = np.zeros((2, 4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match=r"in \[−1, 1\].*float32.*uint8"):
        measure(tf.zeros([2, 4, 4, 3]), pixels)
