"""SGD and Adam equal PyTorch's, also when the learning rate changes."""

import keras
import numpy as np
import pytest

from lit_tf import config
from lit_tf.training import optimizers

# The gradients and the learning rates of four steps.
GRADIENTS = np.array([[1.0, -2.0], [0.5, 0.5], [-1.0, 3.0], [2.0, 0.0]])
RATES = (0.1, 0.1, 0.01, 0.01)
START = (1.0, -0.5)


def run(optimizer, scale=1.0):
    """Takes the steps; returns the weights after each step."""
    weights = keras.Variable(np.array(START, "float32"))
    optimizer.build([weights])
    path = []
    for gradient, rate in zip(GRADIENTS, RATES, strict=True):
        optimizer.learning_rate = rate
        scaled = keras.ops.convert_to_tensor(scale * gradient, "float32")
        optimizer.apply([scaled], [weights])
        path.append(weights.numpy())
    return np.array(path)


def by_hand(momentum, weight_decay):
    weights, velocity, path = np.array(START), 0.0, []
    for gradient, rate in zip(GRADIENTS, RATES, strict=True):
        velocity = momentum * velocity + gradient + weight_decay * weights
        weights = weights - rate * velocity
        path.append(weights)
    return np.array(path)


def test_steps_are_pytorchs_through_a_change_of_rate(close):
    path = run(optimizers.SGD(0.1, momentum=0.9, weight_decay=0.2))
    close(path, by_hand(0.9, 0.2), 1e-6)


def test_without_momentum_and_decay_sgd_is_gradient_descent():
    path = run(optimizers.SGD(0.1, momentum=0.0))
    np.testing.assert_allclose(path, by_hand(0.0, 0.0), rtol=1e-5)


def test_keras_decouples_the_decay_even_at_a_constant_rate():
    settings = {"momentum": 0.9, "weight_decay": 0.2}
    path = run(optimizers.SGD(0.1, **settings))[:2]
    keras_path = run(keras.optimizers.SGD(0.1, **settings))[:2]
    assert np.abs(path - keras_path).max() > 1e-2


def test_keras_keeps_the_old_rate_in_the_momentum_after_a_milestone():
    path = run(optimizers.SGD(0.1, momentum=0.9))
    keras_path = run(keras.optimizers.SGD(0.1, momentum=0.9))
    np.testing.assert_allclose(path[:2], keras_path[:2], rtol=1e-5)
    assert np.abs(path[2:] - keras_path[2:]).max() > 1e-2


def test_loss_scaling_leaves_the_decay_alone(close):
    inner = optimizers.SGD(0.1, momentum=0.9, weight_decay=0.2)
    scaling = keras.optimizers.LossScaleOptimizer(inner, initial_scale=1024.0)
    path = run(scaling, scale=1024.0)
    close(path, by_hand(0.9, 0.2), 1e-6)


def test_a_step_with_an_infinite_gradient_changes_nothing_but_the_scale():
    inner = optimizers.SGD(0.1, momentum=0.9, weight_decay=0.2)
    scaling = keras.optimizers.LossScaleOptimizer(inner, initial_scale=1024.0)
    weights = keras.Variable(np.array(START, "float32"))
    scaling.build([weights])
    scaling.apply([keras.ops.convert_to_tensor([np.inf, 1.0])], [weights])
    np.testing.assert_array_equal(weights, START)
    np.testing.assert_array_equal(
        inner.slot_variables["velocity"][0], [0.0, 0.0]
    )
    assert float(scaling.dynamic_scale) == 512.0


@pytest.mark.parametrize("kind", [optimizers.SGD, optimizers.Adam])
def test_it_survives_serialisation(kind):
    optimizer = kind(0.1, momentum=0.8, weight_decay=0.2, clipnorm=3.0)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(again) is kind
    assert again.get_config() == optimizer.get_config()
    assert (again.l2, again.clipnorm) == (0.2, 3.0)
    # Compare the steps too, not only the settings.
    np.testing.assert_array_equal(run(again), run(optimizer))


def adam_by_hand(momentum, weight_decay, epsilon=1e-8):
    weights, mean, square, path = np.array(START), 0.0, 0.0, []
    for t, (gradient, rate) in enumerate(zip(GRADIENTS, RATES, strict=True), 1):
        gradient = gradient + weight_decay * weights
        mean = momentum * mean + (1 - momentum) * gradient
        square = 0.999 * square + (1 - 0.999) * gradient**2
        unbiased = square / (1 - 0.999**t)
        step = mean / (1 - momentum**t) / (np.sqrt(unbiased) + epsilon)
        weights = weights - rate * step
        path.append(weights)
    return np.array(path)


def test_adams_steps_are_pytorchs_through_a_change_of_rate(close):
    path = run(optimizers.Adam(0.1, momentum=0.5, weight_decay=0.2))
    close(path, adam_by_hand(0.5, 0.2), 1e-5)


def test_adams_epsilon_is_pytorchs_where_gradients_are_small():
    # The first step is |g| / (|g| + epsilon) for any momentum.
    small = 1e-7
    path = run(optimizers.Adam(0.1, momentum=0.5), small)
    first = np.abs(np.array(START) - path[0])
    size = np.abs(GRADIENTS[0]) * small
    np.testing.assert_allclose(first, 0.1 * size / (size + 1e-8), rtol=1e-4)
    # Keras adds its epsilon at another place.
    keras_path = keras.optimizers.Adam(0.1, beta_1=0.5, epsilon=1e-8)
    assert np.abs(path - run(keras_path, small)).max() > 1e-2


def test_keras_decouples_adams_decay():
    path = run(optimizers.Adam(0.1, momentum=0.5, weight_decay=0.2))
    keras_path = run(keras.optimizers.Adam(0.1, beta_1=0.5, weight_decay=0.2))
    assert np.abs(path - keras_path).max() > 1e-2


@pytest.mark.parametrize(
    ("name", "by_name"),
    [("sgd", optimizers.SGD), ("adam", optimizers.Adam)],
)
def test_the_optimizer_of_a_phase_has_its_settings(name, by_name):
    phase = config.Phase(
        epochs=1,
        batch_size=1,
        learning_rate=0.25,
        weight_decay=0.125,
        momentum=0.5,
        optimizer=name,
    )
    optimizer = optimizers.of(phase)
    assert type(optimizer) is by_name
    results = optimizer.get_config()
    assert results["learning_rate"] == 0.25
    assert (results["momentum"], results["weight_decay"]) == (0.5, 0.125)
    alike = by_name(0.25, momentum=0.5, weight_decay=0.125)
    np.testing.assert_array_equal(run(optimizer), run(alike))
