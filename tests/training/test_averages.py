"""Averages of weights are validated, kept and returned in their place."""

import keras
import numpy as np
import pytest
import seeds

from lit_tf import config, data, outputs
from lit_tf.methods import supervised
from lit_tf.training import devices, fit
from lit_tf.training.schedule import Schedule

PHASE = config.Phase(
    epochs=2,
    batch_size=8,
    learning_rate=0.5,
    weight_decay=0.01,
    momentum=0.5,
    clip_norm=1.0,
    warmup_steps=3,
    exponential_decay=0.1,
    label_smoothing=0.1,
)
RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(28, 4)).astype("float32")
LABELS = RANDOM.integers(0, 3, 28)
# Two steps an epoch, the second one of 5 examples.
DATASET = data.Dataset(
    name="vectors",
    train=data.Split(INPUTS[:13], LABELS[:13]),
    validation=data.Split(INPUTS[13:], LABELS[13:]),
    test=None,
    classes=("a", "b", "c"),
    stem={},
    crop=data.crops.Crop(),
)


class Recorded(keras.callbacks.Callback):
    """Keeps the variables after each step, and what validation reports."""

    def __init__(self):
        super().__init__()
        self.values, self.losses = [], []

    def on_train_batch_end(self, batch, logs=None):
        variables = self.model.student.variables
        self.values.append([v.numpy().copy() for v in variables])

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs["val_hard"])


def run(strategy="default", **changes):
    """Trains a dense model; returns the outcome, the trainer, the record."""
    phase = config.Phase(**vars(PHASE) | changes)
    recorded = Recorded()
    with devices.strategy(strategy).scope():
        seeds.set_all(0)
        x = keras.Input((4,))
        student = keras.Model(x, keras.layers.Dense(3)(x))
        trainer = supervised.Teach(student, outputs=outputs.Classes())
    outcome = fit.run_phase(
        "teach",
        trainer,
        Schedule(trainer, DATASET, phase),
        None,
        compute=config.Compute(strategy=strategy),
        session=config.Session(),
        hparams={},
        extra_callbacks=lambda *_: [recorded],
    )
    return outcome, trainer, recorded


@pytest.fixture(scope="module")
def plain():
    return run()


@pytest.fixture(scope="module")
def averaged():
    return run(ema=0.75)


def by_hand(values, steps):
    average = values[0]
    for following in values[1:steps]:
        average = [
            0.75 * one + 0.25 * other
            for one, other in zip(average, following, strict=True)
        ]
    return average


def hard(values):
    """Returns the smoothed cross-entropy on the validation examples."""
    kernel, bias = values
    z = INPUTS[13:] @ kernel + bias
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    labels = 0.9 * np.eye(3)[LABELS[13:]] + 0.1 / 3
    return -(labels * log_p).sum(axis=1).mean()


def test_training_goes_on_from_the_weights_and_not_from_their_averages(
    plain, averaged, close
):
    for one, other in zip(plain[2].values, averaged[2].values, strict=True):
        close(one, other, 0)


def test_the_averages_are_validated_and_returned(averaged, close):
    outcome, trainer, recorded = averaged
    averages = [by_hand(recorded.values, steps) for steps in (2, 4)]
    assert recorded.losses == pytest.approx(list(map(hard, averages)), rel=1e-5)
    close(outcome.last.variables, averages[-1], 1e-6)
    close([v.numpy() for v in trainer.student.variables], averages[-1], 1e-6)
    close(outcome.best.variables, averages[outcome.best.epoch - 1], 1e-6)


def test_averages_differ_from_the_weights(plain, averaged):
    # Else the tests above would prove nothing.
    last = plain[2].values[-1]
    gaps = [
        np.abs(one - other).max()
        for one, other in zip(last, averaged[0].last.variables, strict=True)
    ]
    assert min(gaps) > 1e-3


def test_a_phase_without_a_step_returns_the_student_as_it_was():
    outcome, trainer, _ = run(ema=0.75, epochs=0)
    close = np.testing.assert_array_equal
    for one, other in zip(
        outcome.last.variables, trainer.student.variables, strict=True
    ):
        close(one, other.numpy())
    assert np.abs(outcome.last.variables[0]).max() > 0


@pytest.mark.slow
def test_two_replicas_train_and_average_as_one_device(averaged, close):
    outcome, _, recorded = run("mirrored", ema=0.75)
    close(outcome.last.variables, averaged[0].last.variables, 1e-5)
    close(recorded.losses, averaged[2].losses, 1e-5)
