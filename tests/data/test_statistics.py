"""Mean and standard deviation of images: in blocks, and as before."""

import tracemalloc

import numpy as np
import pytest

from lit_tf.data import Split, statistics

RANDOM = np.random.default_rng(0)
# An example has 1.5 KiB in float64.
BYTES = RANDOM.integers(3, 256, (5000, 8, 8, 3), np.uint8)
SHIFTED = (1e6 + RANDOM.normal(size=(2500, 8, 8, 3))).astype("float32")


def expected(images):
    """Returns the figures as version 0.1 computed them, by NumPy."""
    step = max(1, len(images) // 2000)
    sample = np.asarray(images[::step], np.float64)
    return {f.__name__: f(sample, axis=(0, 1, 2)) for f in (np.mean, np.std)}


def split(images):
    return Split(images, np.zeros(len(images), np.int32))


@pytest.mark.parametrize("images", [BYTES, SHIFTED, BYTES[:7]])
def test_a_small_sample_has_the_bits_of_earlier_versions(images):
    found = statistics.mean_and_std(split(images))
    for name, values in expected(images).items():
        assert found[name] == tuple(values.tolist())


@pytest.mark.parametrize("images", [BYTES, SHIFTED, BYTES[:7], BYTES[..., :1]])
@pytest.mark.parametrize("size", [1, 100])
def test_a_large_sample_has_the_same_figures_up_to_rounding(
    monkeypatch, images, size
):
    monkeypatch.setattr(statistics, "_AT_ONCE", 0)
    monkeypatch.setattr(statistics, "_BLOCK", size * images[0].size * 8)
    found = statistics.mean_and_std(split(images[:301]))
    for name, values in expected(images[:301]).items():
        np.testing.assert_allclose(found[name], values, rtol=1e-10)


def test_a_constant_channel_of_a_large_sample_is_not_scaled(monkeypatch):
    monkeypatch.setattr(statistics, "_AT_ONCE", 0)
    found = statistics.mean_and_std(split(np.full((9, 2, 2, 1), 7, np.uint8)))
    assert found == {"mean": (7.0,), "std": (1.0,)}


def test_the_memory_for_a_large_sample_is_that_of_a_block(monkeypatch):
    monkeypatch.setattr(statistics, "_AT_ONCE", 2**20)
    monkeypatch.setattr(statistics, "_BLOCK", 2**18)
    tracemalloc.start()
    try:
        statistics.mean_and_std(split(BYTES))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # At once, 2,500 examples in float64 would take 3.7 MiB, and more than once.
    assert peak < 2**20
