"""BatchNorm's statistics, estimated anew where they are stale."""

import keras
import numpy as np

from lit_tf.training import batch_norm_statistics


def model(momentum=0.99):
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(2, name="first"),
            keras.layers.BatchNormalization(momentum=momentum, name="norm"),
            keras.layers.Dropout(0.5, seed=0),
            keras.layers.Dense(2),
            keras.layers.BatchNormalization(momentum=0.5),
        ]
    )


def test_statistics_are_stale_until_momentum_has_forgotten_the_first_ones():
    student = model()
    names = [
        [x.name for x in batch_norm_statistics.stale_layers(student, steps)]
        for steps in (25, 300)
    ]
    assert names[0] == ["norm"]
    assert names[1] == []


def test_frozen_layers_keep_their_statistics():
    student = model()
    student.get_layer("norm").trainable = False
    assert batch_norm_statistics.stale_layers(student, 1) != []
    assert not any(
        x.name == "norm" for x in batch_norm_statistics.stale_layers(student, 1)
    )


def test_the_estimate_is_the_mean_over_the_batches():
    student = model()
    norm = student.get_layer("norm")
    batches = np.random.default_rng(0).normal(size=(4, 8, 3)).astype("float32")
    others = [
        v.numpy()
        for v in student.variables
        if v is not norm.moving_mean and v is not norm.moving_variance
    ]
    forward = batch_norm_statistics.in_training(student)
    batch_norm_statistics.estimate(student, [norm], batches, forward)
    hidden = np.stack([student.get_layer("first")(x) for x in batches])
    np.testing.assert_allclose(
        norm.moving_mean, hidden.mean(axis=(0, 1)), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        norm.moving_variance, hidden.var(axis=1).mean(axis=0), rtol=1e-5
    )
    assert norm.momentum == 0.99
    after = [
        v.numpy()
        for v in student.variables
        if v is not norm.moving_mean and v is not norm.moving_variance
    ]
    for one, other in zip(others, after, strict=True):
        np.testing.assert_array_equal(one, other)
