"""The Fréchet distance: closed forms, and statistics that are one pass's."""

import numpy as np
import pytest
import scipy.linalg
import scipy.stats

from lit_tf import errors
from lit_tf.evaluation import fid


def seen(*batches):
    statistics = fid.Statistics()
    for batch in batches:
        statistics.update(batch)
    return statistics


def exactly(mean, covariance):
    """Returns statistics that have exactly this mean and covariance."""
    mean, d = np.asarray(mean, float), len(mean)
    spread = scipy.linalg.sqrtm(np.asarray(covariance, float)).real
    points = np.concatenate([np.eye(d), -np.eye(d)]) * np.sqrt(d - 0.5)
    return seen(mean + points @ spread)


def normal(count, d, seed=0):
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(d, d))
    return random.normal(size=(count, d)) @ mixed + random.normal(size=d)


def rotation(d, seed=0):
    return scipy.stats.ortho_group.rvs(d, random_state=seed)


def test_mean_and_covariance_are_those_of_numpy():
    features = normal(50, 4)
    statistics = seen(features)
    assert statistics.count == 50
    np.testing.assert_allclose(statistics.mean, features.mean(0), rtol=1e-12)
    np.testing.assert_allclose(
        statistics.covariance, np.cov(features, rowvar=False), rtol=1e-12
    )


@pytest.mark.parametrize("size", [1, 7, 64])
@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_neither_batch_size_nor_order_matters(size, order):
    features = normal(64, 5)
    whole, shuffled = seen(features), features[order]
    parts = seen(*(shuffled[i : i + size] for i in range(0, 64, size)))
    assert parts.count == whole.count
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-10)
    np.testing.assert_allclose(parts.covariance, whole.covariance, rtol=1e-10)


def test_features_far_from_zero_lose_no_precision():
    # Whole numbers and halves, which stay exact at an offset of 1e4 and 1e8.
    near = np.random.default_rng(0).integers(-8, 9, (64, 3)) / 2
    for offset in (1e4, 1e8):
        far = seen(*np.split(near + offset, 8))
        np.testing.assert_allclose(
            far.covariance, np.cov(near, rowvar=False), rtol=1e-7
        )


def test_half_precision_is_summed_in_float64():
    features = np.full((3000, 1), 100, np.float16)
    features[::2] += 1
    statistics = seen(features)
    np.testing.assert_allclose(statistics.mean, [100.5], rtol=1e-12)
    np.testing.assert_allclose(
        statistics.covariance, [[0.25 * 3000 / 2999]], rtol=1e-12
    )


def test_the_distance_of_one_dimension_is_the_one_by_hand():
    # (μ₁ − μ₂)² + (σ₁ − σ₂)²
    a, b = exactly([1.0], [[4.0]]), exactly([-2.0], [[25.0]])
    assert fid.distance(a, b) == pytest.approx(9 + 9, rel=1e-12)


def test_the_distance_of_diagonal_gaussians_is_the_one_by_hand():
    a = exactly([0, 1, 2], np.diag([1, 4, 9]))
    b = exactly([3, 1, 0], np.diag([16, 0.25, 9]))
    wanted = 9 + 0 + 4 + (1 - 4) ** 2 + (2 - 0.5) ** 2 + 0
    assert fid.distance(a, b) == pytest.approx(wanted, rel=1e-12)


def test_the_distance_of_commuting_covariances_is_that_of_their_axes():
    q, d = rotation(3), np.array([2.0, -1.0, 0.5])
    a = exactly(q @ d, q @ np.diag([1, 4, 9]) @ q.T)
    b = exactly(q @ -d, q @ np.diag([16, 0.25, 1]) @ q.T)
    wanted = 4 * d @ d + 9 + 2.25 + 4
    assert fid.distance(a, b) == pytest.approx(wanted, rel=1e-12)


def test_covariances_that_do_not_commute_are_those_of_the_matrix_root():
    turned = rotation(2)
    first = np.diag([1.0, 9.0])
    second = turned @ np.diag([4.0, 0.25]) @ turned.T
    # Of 2 × 2 matrices: Tr M^½ = (Tr M + 2 (det M)^½)^½.
    product = first @ second
    assert not np.allclose(product, product.T)
    root = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    wanted = np.trace(first + second) - 2 * root
    got = fid.distance(exactly([0, 0], first), exactly([0, 0], second))
    assert got == pytest.approx(wanted, rel=1e-12)


def test_a_rotation_of_both_sets_changes_nothing_and_nor_does_their_order():
    a, b, q = normal(40, 6), normal(40, 6, seed=1), rotation(6)
    wanted = fid.distance(seen(a), seen(b))
    assert fid.distance(seen(b), seen(a)) == pytest.approx(wanted)
    turned = fid.distance(seen(a @ q), seen(b @ q))
    assert turned == pytest.approx(wanted, rel=1e-12)
    assert fid.distance(seen(a @ q), seen(b)) > 1.01 * wanted


def test_the_distance_is_that_of_scipys_matrix_root():
    a, b = normal(90, 20), normal(70, 20, seed=1)
    root = scipy.linalg.sqrtm(
        np.cov(a, rowvar=False) @ np.cov(b, rowvar=False)
    ).real
    wanted = (
        np.sum((a.mean(0) - b.mean(0)) ** 2)
        + np.trace(np.cov(a, rowvar=False) + np.cov(b, rowvar=False))
        - 2 * np.trace(root)
    )
    got = fid.distance(seen(a), seen(b))
    assert got == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize("count", [2, 10, 300])
def test_equal_sets_are_at_distance_zero_up_to_rounding(count):
    features = normal(count, 40)
    a, b = seen(features), seen(*np.array_split(features[::-1], 3))
    scale = np.trace(a.covariance)
    assert 0 <= fid.distance(a, b) < 1e-12 * scale
    assert 0 <= fid.distance(a, a) < 1e-12 * scale


def test_fewer_examples_than_features_have_the_distance_by_hand():
    # In planes that share one axis: σ² of 1 and 4 there, 9 and 25 elsewhere.
    def line(*variances):
        axes = np.diag(np.sqrt(variances))
        return np.concatenate([axes, -axes])

    planes = np.zeros((2, 6, 50))
    planes[0][:4, [0, 1]] = line(1, 9)
    planes[1][:4, [0, 2]] = line(4, 25)
    a, b = (seen(plane @ rotation(50)) for plane in planes)
    wanted = ((2 - 1) ** 2 + 9 + 25) * 2 / 5
    assert fid.distance(a, b) == pytest.approx(wanted, rel=1e-12)


def test_a_set_without_any_spread_has_a_distance():
    constant, spread = np.ones((5, 3)), normal(5, 3)
    a, b = seen(constant), seen(spread)
    wanted = np.sum((1 - spread.mean(0)) ** 2) + np.trace(b.covariance)
    assert fid.distance(a, b) == pytest.approx(wanted, rel=1e-12)
    assert fid.distance(a, a) == 0.0


def test_a_far_common_offset_does_not_matter():
    a, b = normal(40, 6), normal(40, 6, seed=1)
    near = fid.distance(seen(a), seen(b))
    far = fid.distance(seen(a + 1e4), seen(b + 1e4))
    assert far == pytest.approx(near, rel=1e-10)


def test_too_few_examples_are_refused_in_a_sentence():
    with pytest.raises(errors.DataError, match="2 or more.*Received: 1"):
        fid.distance(seen(normal(1, 3)), seen(normal(5, 3)))
    with pytest.raises(errors.DataError, match="1 or more.*Received: 0"):
        _ = seen(np.zeros((0, 3))).mean


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        (np.zeros(3), r"\[batch, d\].*\(3,\)"),
        (np.zeros((2, 2, 3)), r"\[batch, d\].*\(2, 2, 3\)"),
        (np.zeros((2, 4)), "one width. Received: 4 after 3"),
        (np.full((2, 3), np.nan), "finite.*batch of 2"),
    ],
)
def test_features_that_cannot_be_are_refused_and_change_nothing(
    features, sentence
):
    statistics = seen(normal(5, 3))
    with pytest.raises(ValueError, match=sentence):
        statistics.update(features)
    assert statistics.count == 5
    np.testing.assert_allclose(statistics.mean, normal(5, 3).mean(0))


def test_features_of_two_widths_have_no_distance():
    with pytest.raises(ValueError, match="one width. Received: 4 and 3"):
        fid.distance(seen(normal(5, 4)), seen(normal(5, 3)))
