"""A phase that a signal or a full disk ended resumes exactly."""

import dataclasses
import itertools
import json
import resource
import signal
import time

import keras
import masked_texts
import numpy as np
import pytest
import seeds
import slow

from lit_tf import config, data, errors, outputs
from lit_tf.methods import supervised
from lit_tf.training import fit, run_folder
from lit_tf.training.schedule import Schedule
from lit_tf.utils import interruption

# Two epochs of 7 steps, the last batch short, and 3 steps. All options that
# keep a state, or depend on the step, are on.
PHASE = config.Phase(
    epochs=0,
    steps=17,
    batch_size=32,
    learning_rate=0.05,
    weight_decay=0.0,
    warmup_steps=5,
    exponential_decay=0.1,
    clip_norm=0.5,
    ema=0.8,
    label_smoothing=0.1,
    microbatches=3,
)
# The callback during which the signal arrives, and the step.
MOMENTS = {
    "the first step": ("on_train_batch_begin", 0),
    "an epoch": ("on_train_batch_begin", 3),
    "the last step of an epoch": ("on_train_batch_begin", 6),
    "a later epoch": ("on_train_batch_begin", 9),
    "validation": ("on_test_batch_begin", 14),
    "the end of an epoch": ("on_epoch_end", 14),
    "the last step": ("on_train_batch_begin", 16),
    "the last validation": ("on_test_batch_begin", 17),
}


class At(keras.callbacks.Callback):
    """Calls a function during a callback at a step."""

    def __init__(self, position, moment, function):
        super().__init__()
        name, step = moment

        def call(*_, **__):
            if position.step == step:
                function()

        setattr(self, name, call)


@pytest.fixture(scope="module")
def digits():
    varied = config.Augmentation(resized_crop=0.5, mixup=0.4)
    whole = data.load(config.Data(augmentation=varied))
    some = whole.train.take(np.arange(200))
    return data.Dataset(**vars(whole) | {"train": some})


def of_digits(digits):
    """Returns a trainer of a small classifier of images."""
    seeds.set_all(0)
    x = inputs = keras.Input(digits.form["input_shape"])
    for layer in (keras.layers.Flatten(), keras.layers.BatchNormalization()):
        x = layer(x)
    student = keras.Model(inputs, keras.layers.Dense(10)(x))
    return supervised.Teach(student, outputs=outputs.Classes())


def of_texts(texts):
    """Returns a trainer of a classifier of texts of several lengths."""
    trainer = supervised.Teach(
        masked_texts.network(blocks=1), outputs=outputs.Classes()
    )
    trainer.accept_lengths()
    return trainer


def run(
    dataset, folder, moment=None, function=None, *, new=of_digits, phase=PHASE
):
    """Runs a phase and calls a function at a moment.

    Returns:
        The outcome and the rows of the log, without the throughput.
    """
    trainer = new(dataset)

    def extra(name, logs, position, *rest):
        return [At(position, moment, function)] if moment else []

    session = config.Session(workdir=str(folder), log_steps=1)
    with run_folder.opened(config.Teach(session=session)) as opened:
        outcome = fit.run_phase(
            "teach",
            trainer,
            Schedule(trainer, dataset, phase),
            opened,
            compute=config.Compute(),
            session=session,
            hparams={},
            extra_callbacks=extra,
        )
        rows = [json.loads(s) for s in opened.metrics.read_text().splitlines()]
    for row in rows:
        del row["examples_per_second"]
    # The order of the keys counts too.
    return outcome, [list(row.items()) for row in rows]


@pytest.fixture(scope="module")
def undisturbed(digits, tmp_path_factory):
    return run(digits, tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def raised():
    """Both signals raise `Interrupted`, as in a command."""

    def interrupt(number, frame):
        raise interruption.Interrupted(number)

    before = {n: signal.signal(n, interrupt) for n in interruption.SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def step(folder):
    with np.load(folder / "checkpoints" / "teach.npz") as archive:
        return json.loads(str(archive["position"]))["step"]


@pytest.mark.parametrize("moment", slow.all_but(["a later epoch"], MOMENTS))
def test_a_phase_that_a_signal_ended_resumes_without_a_lost_step_at(
    moment, digits, tmp_path, undisturbed, raised
):
    number = list(interruption.SIGNALS)[len(moment) % 2]
    with pytest.raises(interruption.Interrupted) as caught:
        run(
            digits,
            tmp_path,
            MOMENTS[moment],
            lambda: signal.raise_signal(number),
        )
    assert caught.value.number == number
    callback, at = MOMENTS[moment]
    # The step in which the signal arrived counts, except the first: until it
    # ends, the process has nothing to save.
    during_step = callback == "on_train_batch_begin" and at > 0
    assert step(tmp_path) == at + during_step
    assert_equal(run(digits, tmp_path), undisturbed)


def assert_equal(ended, undisturbed):
    (resumed, rows), (outcome, expected) = ended, undisturbed
    assert rows == expected
    for name in ("last", "best"):
        one, other = getattr(resumed, name), getattr(outcome, name)
        assert one.epoch == other.epoch
        assert one.validation_accuracy == other.validation_accuracy
        for a, b in zip(one.variables, other.variables, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_clock_that_is_set_back_changes_nothing(
    digits, tmp_path, undisturbed, monkeypatch
):
    now = time.time()
    readings = itertools.count(now, -3600)
    monkeypatch.setattr(time, "time", lambda: next(readings))
    with pytest.raises(InterruptedError):
        run(digits, tmp_path, ("on_train_batch_begin", 9), _interrupt)
    ended = run(digits, tmp_path)
    assert_equal(ended, undisturbed)
    assert 0 < ended[0].seconds < 3600


@pytest.mark.slow
def test_a_phase_of_texts_of_like_length_resumes_within_an_epoch(tmp_path):
    # Epochs of six steps; microbatches have one length as well.
    phase = dataclasses.replace(PHASE, steps=11, batch_size=4, microbatches=2)
    texts = masked_texts.dataset()
    how = {"new": of_texts, "phase": phase}
    undisturbed = run(texts, tmp_path / "undisturbed", **how)
    with pytest.raises(InterruptedError):
        moment = ("on_train_batch_begin", 8)
        run(texts, tmp_path / "killed", moment, _interrupt, **how)
    assert_equal(run(texts, tmp_path / "killed", **how), undisturbed)


def _interrupt():
    raise InterruptedError


def test_a_phase_resumes_after_the_disk_was_full(digits, tmp_path, undisturbed):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill():
        # Python has opened the log; no file grows from here on.
        size = (tmp_path / "metrics.jsonl").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, hard))

    try:
        with pytest.raises(errors.DataError, match="File too large"):
            run(digits, tmp_path, ("on_train_batch_begin", 9), fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert step(tmp_path) == 7
    assert_equal(run(digits, tmp_path), undisturbed)
