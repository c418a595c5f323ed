"""Microbatches take the same step as the whole batch."""

import dataclasses

import keras
import numpy as np
import pytest
import seeds
import tensorflow as tf

from lit_tf import config, errors, layers
from lit_tf.experiment.tasks import TASKS
from lit_tf.methods import distill, lit, microbatches
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.training import devices, optimizers

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(39, 4)).astype("float32")
LABELS = RANDOM.integers(0, 3, 39).astype("int32")
WEIGHTS = RANDOM.uniform(0.5, 2.0, 39).astype("float32")
KINDS = {"lit": lit.LIT, "fine_tune": distill.Distill}


def dense(seed):
    """Returns a model without BatchNorm: two sections, 4 → 6 → 6 → 6 → 3."""
    seeds.set_all(seed)

    def part(name, inputs, outputs):
        x = keras.Input((inputs,), name="x")
        y = keras.layers.Dense(
            outputs,
            "tanh",
            kernel_regularizer=keras.regularizers.L2(0.01),
            activity_regularizer=keras.regularizers.L2(0.01),
        )(x)
        return keras.Model(x, y, name=name)

    sections = [part(f"section_{k}", 6, 6) for k in (1, 2)]
    return SectionedModel(part("stem", 4, 6), sections, part("head", 6, 3))


def normed(seed):
    """Returns a model of sequences with BatchNorm, `[4, 1]` → 3."""
    seeds.set_all(seed)
    x = inputs = keras.Input((4,))
    stem = keras.Model(inputs, keras.layers.Reshape((4, 1))(x))
    x = inputs = keras.Input((4, 1))
    x = keras.layers.Conv1D(6, 3, padding="same")(x)
    section = keras.Model(inputs, layers.BatchNormalization()(x))
    x = inputs = keras.Input((4, 6))
    x = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling1D()(x))
    return SectionedModel(stem, [section], keras.Model(inputs, x))


def train(
    count,
    *,
    kind="lit",
    build=dense,
    examples=39,
    strategy=None,
    run_eagerly=False,
    scaled=False,
    **settings,
):
    """Trains for an epoch of batches of 32, the last one of 7 examples.

    Returns:
        The student's variables and the metrics.
    """
    phase = config.Phase(
        epochs=1,
        batch_size=32,
        **{"learning_rate": 0.1, "weight_decay": 0.02} | settings,
    )
    with (strategy or tf.distribute.get_strategy()).scope():
        trainer = KINDS[kind](build(seed=1), build(seed=2))
        trainer.microbatches = count
        optimizer = optimizers.of(phase)
        if scaled:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        trainer.compile(optimizer, run_eagerly=run_eagerly)
    arrays = (INPUTS, LABELS, WEIGHTS)
    given = tf.data.Dataset.from_tensor_slices(
        tuple(array[:examples] for array in arrays)
    ).batch(32)
    history = trainer.fit(given, shuffle=False, verbose=0).history
    metrics = {name: np.ravel(values) for name, values in history.items()}
    return [v.numpy() for v in trainer.student.variables], metrics


def check_equal(one, other, close, tolerance=1e-5):
    close(one[0], other[0], tolerance)
    assert one[1].keys() == other[1].keys()
    for name, value in one[1].items():
        close(value, other[1][name], tolerance)


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        # A step that is clipped, and then gets L2, which is not clipped.
        ("lit", {"optimizer": "sgd", "clip_norm": 0.05, "scaled": True}),
        ("lit", {"optimizer": "adamw", "clip_norm": 0.05}),
        ("fine_tune", {"optimizer": "sgd", "clip_norm": 0.05}),
        ("fine_tune", {"optimizer": "adam", "ema": 0.9}),
    ],
)
def test_two_halves_take_the_step_of_the_whole(kind, how, close):
    how |= {"learning_rate": 0.01, "run_eagerly": True}
    check_equal(train(2, kind=kind, **how), train(1, kind=kind, **how), close)


@pytest.mark.slow
def test_parts_of_unequal_size_take_the_step_of_the_whole(close):
    whole = train(1, clip_norm=0.05, run_eagerly=True)
    # Also of 7 examples: of two replicas, some parts are empty.
    check_equal(train(5, clip_norm=0.05), whole, close)
    mirrored = devices.strategy("mirrored")
    check_equal(train(5, clip_norm=0.05, strategy=mirrored), whole, close)


def test_an_empty_part_changes_no_moving_statistics(close):
    how = {"build": normed, "examples": 6, "run_eagerly": True}
    check_equal(train(9, **how), train(6, **how), close)


def test_parts_are_consecutive_and_complete():
    seen = []

    def differentiate(x, missing):
        assert missing is None
        seen.append((int(microbatches.number()), x.numpy().tolist()))
        return [tf.reduce_sum(x), None]

    total, none = microbatches.summed(
        differentiate, (np.arange(5.0), None), 3, shared=False
    )
    assert seen == [(0, [0.0]), (1, [1.0, 2.0]), (2, [3.0, 4.0])]
    assert total.numpy() == 10.0 and none is None


def test_the_rows_of_an_embedding_are_added():
    def differentiate(rows):
        values = tf.ones([len(rows), 1])
        return [tf.IndexedSlices(values, rows, tf.constant([3, 1]))]

    (total,) = microbatches.summed(
        differentiate, (np.array([0, 2, 2, 0]),), 2, shared=False
    )
    np.testing.assert_array_equal(total, [[2.0], [0.0], [2.0]])


def test_each_part_has_draws_of_its_own():
    trainer = lit.LIT(dense(seed=1), dense(seed=2), section_input="mixed")
    trainer.compile("sgd")
    draws = []

    def differentiate(x):
        draws.append(trainer.streams._draw(2, x).numpy().ravel().tolist())
        return [tf.zeros([])]

    microbatches.summed(differentiate, (INPUTS[:32],), 2, shared=False)
    assert draws[0] != draws[1]
    again = trainer.streams._draw(2, tf.constant(INPUTS[:16]))
    assert draws[0] == again.numpy().ravel().tolist()


def test_more_parts_than_examples_are_refused():
    with pytest.raises(errors.SettingsError) as refusal:
        config.Phase(
            epochs=1,
            batch_size=8,
            learning_rate=0.1,
            weight_decay=0.0,
            microbatches=9,
        )
    assert str(refusal.value) == (
        "`microbatches` must be at most the 8 examples of a batch. Received: "
        "microbatches=9."
    )


@pytest.mark.parametrize("kind", [config.Teach, config.Compress])
def test_adversarial_training_is_not_divided(kind):
    phase = dataclasses.replace(config.TEACH, microbatches=2)
    with pytest.raises(errors.SettingsError) as refusal:
        TASKS["images"].check(kind(teach=phase), None)
    assert str(refusal.value) == (
        "`teach_microbatches` must be 1 for image translation: the batches of "
        "adversarial training are not divided. Received: teach_microbatches=2."
    )
