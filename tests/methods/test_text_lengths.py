"""Training on batches of like length: results, graphs and replicas."""

import dataclasses

import keras
import masked_texts
import numpy as np
import pytest
import tensorflow as tf

import lit_tf
from lit_tf import config, errors
from lit_tf.experiment import budget, padding_check
from lit_tf.methods import supervised
from lit_tf.training import devices
from lit_tf.training.schedule import Schedule

PHASE = config.Phase(
    epochs=1, batch_size=4, learning_rate=0.1, weight_decay=0.0
)


def padded(batches):
    """Returns batches of texts, all padded to the whole length."""

    def pad(x, y):
        after = masked_texts.LENGTH - tf.shape(x["token_ids"])[1]
        x = {k: tf.pad(v, [[0, 0], [0, after]]) for k, v in x.items()}
        shape = [None, masked_texts.LENGTH]
        return {k: tf.ensure_shape(v, shape) for k, v in x.items()}, y

    return batches.map(pad)


def variables(trainer):
    return [np.asarray(v) for v in trainer.student.variables]


def teach(strategy="default", *, whole=False, run_eagerly=False):
    """Trains for an epoch; returns trainer and schedule."""
    with devices.strategy(strategy).scope():
        trainer = supervised.Teach(masked_texts.network(blocks=0))
        trainer.compile(keras.optimizers.SGD(0.1), run_eagerly=run_eagerly)
    schedule = Schedule(trainer, masked_texts.dataset(), PHASE)
    batches = schedule.training(epochs=1, seed=3)
    if whole:
        batches = padded(batches)
    else:
        trainer.accept_lengths()
    trainer.fit(batches, epochs=1, steps_per_epoch=6, verbose=0)
    return trainer, schedule


@pytest.fixture(scope="module")
def whole():
    """The variables after an epoch of texts that are padded to one length."""
    return variables(teach(whole=True, run_eagerly=True)[0])


def test_a_step_has_a_graph_for_each_length(whole, monkeypatch):
    seen = []
    of_class = supervised.Teach.terms

    def terms(self, x, y, *, training):
        seen.append(tuple(x["token_ids"].shape))
        return of_class(self, x, y, training=training)

    monkeypatch.setattr(supervised.Teach, "terms", terms)
    trainer, schedule = teach()
    # The last batch is smaller, and has the graph of its length.
    assert sorted(seen) == [(None, 4), (None, 8)]
    for one, other in zip(variables(trainer), whole, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    # Each length counts with its share of the texts.
    spent = {"steps": 6, "seconds": 1.0}
    flops = budget.phase_budget(trainer, schedule, **spent)["flops"]
    dataset = dataclasses.replace(schedule.dataset, buckets=None)
    longer = Schedule(trainer, dataset, PHASE)
    assert flops < budget.phase_budget(trainer, longer, **spent)["flops"]


@pytest.mark.slow
def test_replicas_train_on_like_lengths_as_one_device(whole):
    trainer, _ = teach("mirrored")
    for one, other in zip(variables(trainer), whole, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_lit_has_the_terms_of_whole_texts():
    model = masked_texts.network(blocks=3)
    teacher = lit_tf.split(model, lit_tf.plan(model))
    trainer = lit_tf.LIT(teacher, lit_tf.shrink(teacher, keep=1))
    dataset = masked_texts.dataset()
    trainer.accept_lengths()
    _, some = dataset.buckets.samples(dataset.train, 4)[0]
    whole = dataset.train.take(dataset.buckets.members[:4])
    assert some.inputs["token_ids"].shape == (4, 4)
    terms, outputs = (
        trainer.terms(
            {k: tf.constant(v) for k, v in one.inputs.items()},
            tf.constant(one.labels),
            training=True,
        )
        for one in (some, whole)
    )
    for name, values in outputs[0].items():
        np.testing.assert_allclose(terms[0][name], values, rtol=1e-4)
    np.testing.assert_allclose(terms[1], outputs[1], atol=1e-6)


def test_models_that_read_padding_or_take_one_length_are_refused():
    dataset = masked_texts.dataset()
    padding_check.check(masked_texts.network(blocks=1), dataset)
    unmasked = masked_texts.network(blocks=1, masked=False)
    with pytest.raises(errors.SettingsError, match="reads padding: its ans"):
        padding_check.check(unmasked, dataset)
    inputs = masked_texts.network(blocks=1).input
    flat = keras.layers.Flatten()(inputs["token_ids"])
    fixed = keras.Model(inputs, keras.layers.Dense(2)(flat), name="fixed")
    with pytest.raises(errors.SettingsError, match="fixed cannot compute oth"):
        padding_check.check(fixed, dataset)
