"""A step on summed gradients: clipping and loss scaling over two replicas."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lit_tf import config
from lit_tf.methods import gradients
from lit_tf.training import devices, optimizers

START = (1.0, -0.5)


def phase(**settings):
    defaults = {"learning_rate": 0.1, "weight_decay": 0.0, "momentum": 0.0}
    return config.Phase(epochs=1, batch_size=1, **defaults | settings)


def step(strategy, parts, optimizer):
    """Takes a step; returns the variable and the optimizer.

    Args:
        strategy: the strategy.
        parts: the gradient of each replica, `[replicas, 2]`.
        optimizer: a function that makes the optimizer.
    """
    with strategy.scope():
        variable = keras.Variable(np.array(START, "float32"))
        made = optimizer()
        made.build([variable])
    parts = tf.constant(parts, tf.float32)

    def on_replica():
        context = tf.distribute.get_replica_context()
        part = tf.gather(parts, context.replica_id_in_sync_group)
        gradients.apply(made, [part], [variable], replicas=len(parts))

    tf.function(lambda: strategy.run(on_replica), autograph=False)()
    return variable.numpy(), made


@pytest.mark.parametrize("scale", [None, 1024.0])
@pytest.mark.parametrize(
    ("gradient", "clipped"), [((3, 4), (0.6, 0.8)), ((0.3, 0.4), (0.3, 0.4))]
)
@pytest.mark.parametrize("replicas", [1, 2])
def test_a_gradient_is_clipped_after_its_sum_and_before_the_decay(
    replicas, gradient, clipped, scale
):
    # The parts are longer than the sum, and each would be clipped.
    other = np.array([-50.0, 20.0])
    parts = {1: [gradient], 2: [other, gradient - other]}[replicas]
    settings = phase(clip_norm=1.0, weight_decay=0.2)

    def optimizer():
        made = optimizers.of(settings)
        if scale is None:
            return made
        return keras.optimizers.LossScaleOptimizer(made, initial_scale=scale)

    strategy = tf.distribute.get_strategy()
    if replicas == 2:
        strategy = devices.strategy("mirrored")
    value, _ = step(strategy, np.array(parts) * (scale or 1.0), optimizer)
    expected = np.array(START) - 0.1 * (clipped + 0.2 * np.array(START))
    np.testing.assert_allclose(value, expected, rtol=1e-5)


@pytest.mark.parametrize("clip", [{}, {"clipvalue": 1.0}])
def test_an_infinite_gradient_of_any_replica_leaves_out_the_step(clip):
    value, optimizer = step(
        devices.strategy("mirrored"),
        [[1.0, 1.0], [np.inf, 0.0]],
        lambda: keras.optimizers.LossScaleOptimizer(
            optimizers.SGD(0.1, **clip), initial_scale=1024.0
        ),
    )
    np.testing.assert_array_equal(value, START)
    assert float(optimizer.dynamic_scale.value.numpy()) == 512.0


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_every_optimizer_of_a_phase_clips_and_averages(name):
    optimizer = optimizers.of(phase(optimizer=name, clip_norm=3.0, ema=0.9))
    assert optimizer.global_clipnorm == 3.0
    assert (optimizer.use_ema, optimizer.ema_momentum) == (True, 0.9)
    optimizer = optimizers.of(phase(optimizer=name))
    assert (optimizer.global_clipnorm, optimizer.use_ema) == (None, False)
