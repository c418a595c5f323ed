"""The budget of a phase: examples, FLOPs, and what cannot be counted."""

import keras
import numpy as np
import pytest
import slow
import tensorflow as tf

from lit_tf import config, data
from lit_tf.experiment import budget
from lit_tf.methods import distill, lit, supervised
from lit_tf.training import devices
from lit_tf.training.schedule import Schedule

PHASE = config.Phase(
    epochs=2, batch_size=4, learning_rate=0.1, weight_decay=0.0
)


def examples(*shape):
    """Returns a dataset of 10 examples of a shape, of two classes."""
    x, y = np.zeros((10, *shape), np.float32), np.arange(10) % 2
    split = tf.data.Dataset.from_tensor_slices((x, y))
    return data.collected(split, split)


def spent(layer, steps=6):
    """Returns the budget of 6 steps of 10 examples of shape (5, 3)."""
    inputs = keras.Input((5, 3))
    outputs = keras.layers.Dense(2)(layer(inputs))
    trainer = supervised.Teach(keras.Model(inputs, outputs))
    trainer.compile("sgd")
    schedule = Schedule(trainer, examples(5, 3), PHASE)
    return budget.phase_budget(trainer, schedule, steps=steps, seconds=1.5)


def test_the_budget_of_a_phase_is_that_of_all_its_steps():
    # Forward, and the gradient of the kernel: 15 × 2 multiply-adds each. The
    # inputs need no gradient.
    assert spent(keras.layers.Flatten()) == {
        "examples": 20,
        "flops": 20 * 2 * 2 * (15 * 2),
        "seconds": 1.5,
    }


def test_the_budget_of_a_phase_that_ended_early_is_that_of_its_steps():
    assert spent(keras.layers.Flatten(), steps=3)["examples"] == 10


def test_operations_that_cannot_be_counted_are_named_in_the_budget():
    operations = spent(keras.layers.LSTM(2))["uncounted_operations"]
    assert any("While" in operation for operation in operations)


@pytest.mark.parametrize(
    "kind", slow.all_but([distill.Distill], [lit.LIT, distill.Distill])
)
def test_replicas_have_the_budget_of_one_device(dense, kind):
    budgets = []
    for strategy in ("default", "mirrored"):
        with devices.strategy(strategy).scope():
            trainer = kind(dense(1), dense(2))
            trainer.compile("sgd")
        schedule = Schedule(trainer, examples(4), PHASE)
        budgets.append(
            budget.phase_budget(trainer, schedule, steps=6, seconds=1.5)
        )
    one, two = budgets
    assert one == two and one["flops"] > 0
