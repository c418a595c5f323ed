"""The Fréchet distance and its statistics against closed forms."""

import numpy as np
import pytest
import scipy.linalg
import scipy.stats

from lit_tf import errors
from lit_tf.evaluation import fid


def collect(*batches):
    statistics = fid.Statistics()
    for batch in batches:
        statistics.update(batch)
    return statistics


def exactly(mean, covariance):
    """Returns statistics with exactly this mean and covariance."""
    mean, d = np.asarray(mean, float), len(mean)
    spread = scipy.linalg.sqrtm(np.asarray(covariance, float)).real
    points = np.concatenate([np.eye(d), -np.eye(d)]) * np.sqrt(d - 0.5)
    return collect(mean + points @ spread)


def normal(count, d, seed=0):
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(d, d))
    return random.normal(size=(count, d)) @ mixed + random.normal(size=d)


def rotation(d, seed=0):
    return scipy.stats.ortho_group.rvs(d, random_state=seed)


def test_mean_and_covariance_equal_those_of_numpy():
    features = normal(50, 4)
    statistics = collect(features)
    assert statistics.count == 50
    np.testing.assert_allclose(statistics.mean, features.mean(0), rtol=1e-12)
    np.testing.assert_allclose(
        statistics.covariance, np.cov(features, rowvar=False), rtol=1e-12
    )


@pytest.mark.parametrize("size", [1, 7, 64])
@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_batch_size_and_order_do_not_change_the_statistics(size, order):
    features = normal(64, 5)
    whole, shuffled = collect(features), features[order]
    parts = collect(*(shuffled[i : i + size] for i in range(0, 64, size)))
    assert parts.count == whole.count
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-10)
    np.testing.assert_allclose(parts.covariance, whole.covariance, rtol=1e-10)


def test_features_far_from_zero_keep_their_precision():
    # Integers and halves are exact even at offsets of 1e4 and 1e8.
    near = np.random.default_rng(0).integers(-8, 9, (64, 3)) / 2
    for offset in (1e4, 1e8):
        far = collect(*np.split(near + offset, 8))
        np.testing.assert_allclose(
            far.covariance, np.cov(near, rowvar=False), rtol=1e-7
        )


def test_half_precision_is_summed_in_float64():
    features = np.full((3000, 1), 100, np.float16)
    features[::2] += 1
    statistics = collect(features)
    np.testing.assert_allclose(statistics.mean, [100.5], rtol=1e-12)
    np.testing.assert_allclose(
        statistics.covariance, [[0.25 * 3000 / 2999]], rtol=1e-12
    )


def test_the_distance_in_one_dimension_equals_the_value_by_hand():
    # (μ₁ − μ₂)² + (σ₁ − σ₂)²
    a, b = exactly([1.0], [[4.0]]), exactly([-2.0], [[25.0]])
    assert fid.distance(a, b) == pytest.approx(9 + 9, rel=1e-12)


def test_the_distance_of_diagonal_gaussians_equals_the_value_by_hand():
    a = exactly([0, 1, 2], np.diag([1, 4, 9]))
    b = exactly([3, 1, 0], np.diag([16, 0.25, 9]))
    expected = 9 + 0 + 4 + (1 - 4) ** 2 + (2 - 0.5) ** 2 + 0
    assert fid.distance(a, b) == pytest.approx(expected, rel=1e-12)


def test_the_distance_of_commuting_covariances_is_that_of_their_eigenvalues():
    q, d = rotation(3), np.array([2.0, -1.0, 0.5])
    a = exactly(q @ d, q @ np.diag([1, 4, 9]) @ q.T)
    b = exactly(q @ -d, q @ np.diag([16, 0.25, 1]) @ q.T)
    expected = 4 * d @ d + 9 + 2.25 + 4
    assert fid.distance(a, b) == pytest.approx(expected, rel=1e-12)


def test_covariances_that_do_not_commute_give_the_closed_form():
    turned = rotation(2)
    first = np.diag([1.0, 9.0])
    second = turned @ np.diag([4.0, 0.25]) @ turned.T
    # Of 2 × 2 matrices: Tr M^½ = (Tr M + 2 (det M)^½)^½.
    product = first @ second
    assert not np.allclose(product, product.T)
    root = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    expected = np.trace(first + second) - 2 * root
    actual = fid.distance(exactly([0, 0], first), exactly([0, 0], second))
    assert actual == pytest.approx(expected, rel=1e-12)


def test_the_distance_is_symmetric_and_invariant_to_rotation():
    a, b, q = normal(40, 6), normal(40, 6, seed=1), rotation(6)
    expected = fid.distance(collect(a), collect(b))
    assert fid.distance(collect(b), collect(a)) == pytest.approx(expected)
    turned = fid.distance(collect(a @ q), collect(b @ q))
    assert turned == pytest.approx(expected, rel=1e-12)
    assert fid.distance(collect(a @ q), collect(b)) > 1.01 * expected


def test_the_distance_equals_that_with_scipys_matrix_root():
    a, b = normal(90, 20), normal(70, 20, seed=1)
    root = scipy.linalg.sqrtm(
        np.cov(a, rowvar=False) @ np.cov(b, rowvar=False)
    ).real
    expected = (
        np.sum((a.mean(0) - b.mean(0)) ** 2)
        + np.trace(np.cov(a, rowvar=False) + np.cov(b, rowvar=False))
        - 2 * np.trace(root)
    )
    actual = fid.distance(collect(a), collect(b))
    assert actual == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("count", [2, 10, 300])
def test_equal_sets_have_distance_zero_up_to_rounding(count):
    features = normal(count, 40)
    a, b = collect(features), collect(*np.array_split(features[::-1], 3))
    scale = np.trace(a.covariance)
    assert 0 <= fid.distance(a, b) < 1e-12 * scale
    assert 0 <= fid.distance(a, a) < 1e-12 * scale


def test_fewer_examples_than_features_give_the_value_by_hand():
    # Two planes with a common axis: σ² is 1 and 4 on it, 9 and 25 off it.
    def line(*variances):
        axes = np.diag(np.sqrt(variances))
        return np.concatenate([axes, -axes])

    planes = np.zeros((2, 6, 50))
    planes[0][:4, [0, 1]] = line(1, 9)
    planes[1][:4, [0, 2]] = line(4, 25)
    a, b = (collect(plane @ rotation(50)) for plane in planes)
    expected = ((2 - 1) ** 2 + 9 + 25) * 2 / 5
    assert fid.distance(a, b) == pytest.approx(expected, rel=1e-12)


def test_a_set_of_equal_examples_has_a_distance():
    constant, spread = np.ones((5, 3)), normal(5, 3)
    a, b = collect(constant), collect(spread)
    expected = np.sum((1 - spread.mean(0)) ** 2) + np.trace(b.covariance)
    assert fid.distance(a, b) == pytest.approx(expected, rel=1e-12)
    assert fid.distance(a, a) == 0.0


def test_a_large_common_offset_does_not_change_the_distance():
    a, b = normal(40, 6), normal(40, 6, seed=1)
    near = fid.distance(collect(a), collect(b))
    far = fid.distance(collect(a + 1e4), collect(b + 1e4))
    assert far == pytest.approx(near, rel=1e-10)


def test_too_few_examples_are_refused():
    with pytest.raises(errors.DataError, match="at least 2.*Received: 1"):
        fid.distance(collect(normal(1, 3)), collect(normal(5, 3)))
    with pytest.raises(errors.DataError, match="at least 1.*Received: 0"):
        _ = collect(np.zeros((0, 3))).mean


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.zeros(3), r"\[batch, d\].*\(3,\)"),
        (np.zeros((2, 2, 3)), r"\[batch, d\].*\(2, 2, 3\)"),
        (np.zeros((2, 4)), "one width. Received: 4 after 3"),
        (np.full((2, 3), np.nan), "finite.*batch of 2"),
    ],
)
def test_invalid_features_are_refused_and_change_nothing(features, message):
    statistics = collect(normal(5, 3))
    with pytest.raises(ValueError, match=message):
        statistics.update(features)
    assert statistics.count == 5
    np.testing.assert_allclose(statistics.mean, normal(5, 3).mean(0))


def test_features_of_different_widths_have_no_distance():
    with pytest.raises(ValueError, match="one width. Received: 4 and 3"):
        fid.distance(collect(normal(5, 4)), collect(normal(5, 3)))
