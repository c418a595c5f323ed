"""SGD as PyTorch writes it."""

import keras
import numpy as np

from lit_tf import optimizers

# A gradient for each of four steps, and the rate at which it is taken.
GRADIENTS = np.array([[1.0, -2.0], [0.5, 0.5], [-1.0, 3.0], [2.0, 0.0]])
RATES = (0.1, 0.1, 0.01, 0.01)
START = (1.0, -0.5)


def run(optimizer, scale=1.0):
    """Takes the steps; returns the weights after each."""
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
    ours = run(optimizers.SGD(0.1, momentum=0.9, weight_decay=0.2))
    close(ours, by_hand(0.9, 0.2), 1e-6)


def test_without_momentum_and_decay_it_is_plain_descent():
    ours = run(optimizers.SGD(0.1, momentum=0.0))
    np.testing.assert_allclose(ours, by_hand(0.0, 0.0), rtol=1e-5)


def test_keras_decouples_the_decay_already_at_a_constant_rate():
    settings = {"momentum": 0.9, "weight_decay": 0.2}
    ours = run(optimizers.SGD(0.1, **settings))[:2]
    theirs = run(keras.optimizers.SGD(0.1, **settings))[:2]
    assert np.abs(ours - theirs).max() > 1e-2


def test_keras_keeps_the_old_rate_in_the_momentum_after_a_milestone():
    ours = run(optimizers.SGD(0.1, momentum=0.9))
    theirs = run(keras.optimizers.SGD(0.1, momentum=0.9))
    np.testing.assert_allclose(ours[:2], theirs[:2], rtol=1e-5)
    assert np.abs(ours[2:] - theirs[2:]).max() > 1e-2


def test_loss_scaling_leaves_the_decay_alone(close):
    inner = optimizers.SGD(0.1, momentum=0.9, weight_decay=0.2)
    scaling = keras.optimizers.LossScaleOptimizer(inner, initial_scale=1024.0)
    ours = run(scaling, scale=1024.0)
    close(ours, by_hand(0.9, 0.2), 1e-6)


def test_a_step_with_an_infinite_gradient_changes_nothing_but_the_scale():
    inner = optimizers.SGD(0.1, momentum=0.9, weight_decay=0.2)
    scaling = keras.optimizers.LossScaleOptimizer(inner, initial_scale=1024.0)
    weights = keras.Variable(np.array(START, "float32"))
    scaling.build([weights])
    scaling.apply([keras.ops.convert_to_tensor([np.inf, 1.0])], [weights])
    np.testing.assert_array_equal(weights, START)
    np.testing.assert_array_equal(inner.velocities[0], [0.0, 0.0])
    assert float(scaling.dynamic_scale) == 512.0


def test_it_survives_serialisation():
    ours = optimizers.SGD(0.1, momentum=0.8, weight_decay=0.2, clipnorm=3.0)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(ours))
    assert isinstance(again, optimizers.SGD)
    assert again.get_config() == ours.get_config()
    assert (again.momentum, again.l2, again.clipnorm) == (0.8, 0.2, 3.0)
