"""Time of a training step: a few steps of a phase, measured."""

import math
import statistics
import time
from typing import Any

import keras

from lit_tf.config import Compute
from lit_tf.methods import trainer
from lit_tf.training import devices, optimizers
from lit_tf.training.schedule import Schedule

_STEPS = 4  # The first one compiles; compiling is counted once.


class _Clock(keras.callbacks.Callback):
    """Measures the time of each training step and each evaluation step."""

    def __init__(self):
        super().__init__()
        self.train, self.test = [], []

    def on_train_batch_begin(self, batch, logs=None):
        self._start = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.train.append(time.perf_counter() - self._start)

    def on_test_batch_begin(self, batch, logs=None):
        self._start = time.perf_counter()

    def on_test_batch_end(self, batch, logs=None):
        self.test.append(time.perf_counter() - self._start)


def measure(
    model: trainer.Trainer, schedule: Schedule, compute: Compute
) -> dict[str, Any]:
    """Runs a few steps of a phase and estimates the time of the phase.

    Args:
        model: the trainer; its student changes.
        schedule: the schedule of the phase.
        compute: seed and compiler.

    Returns:
        `epochs`; `steps` of an epoch; `step_seconds`; `epoch_seconds`, the time
        of an epoch with its validation; `compile_seconds`; `batch_size`; and
        `seconds`, of the whole phase.
    """
    model.microbatches = schedule.phase.microbatches
    with schedule.strategy.scope():
        model.compile(
            optimizers.of(schedule.phase),
            jit_compile=devices.jit_compile(compute.jit_compile),
        )
    step, compiling, evaluating = 0.0, 0.0, 0.0
    for share, one in schedule.by_length():
        seconds, first = _measure_training(model, one, compute)
        step += share * seconds
        compiling += first - seconds
    if schedule.validation_steps is not None:
        clock = _Clock()
        for _ in range(2):  # There may be only one batch; the first compiles.
            model.evaluate(
                schedule.validation(),
                steps=min(_STEPS // 2, schedule.validation_steps),
                callbacks=[clock],
                verbose=0,
            )
        batch = statistics.median(clock.test[1:])
        evaluating = schedule.validation_steps * batch
        compiling += clock.test[0] - batch
    total = schedule.total_steps
    epochs = total / schedule.steps_per_epoch
    return {
        "epochs": epochs,
        "steps": schedule.steps_per_epoch,
        "step_seconds": step,
        "epoch_seconds": schedule.steps_per_epoch * step + evaluating,
        "compile_seconds": compiling,
        "batch_size": schedule.largest_batch,
        "seconds": total * step
        + math.ceil(epochs) * evaluating
        + bool(total) * compiling,
    }


def _measure_training(model, schedule, compute):
    """Returns the seconds of a training step, and of the first one."""
    clock = _Clock()
    model.fit(
        # As many epochs as steps: an epoch may have a single step.
        schedule.training(epochs=_STEPS, seed=compute.seed),
        steps_per_epoch=_STEPS,
        callbacks=[clock],
        verbose=0,
        shuffle=False,
    )
    return statistics.median(clock.train[1:]), clock.train[0]
