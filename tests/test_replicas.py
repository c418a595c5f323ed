"""Two replicas take the steps of one device on the same global batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lit_tf import devices, distill, layers, lit, sectioned

BOTH = pytest.mark.parametrize("kind", [lit.LIT, distill.Distill])


@pytest.fixture(scope="module")
def mirrored():
    strategy = devices.strategy("mirrored")
    assert strategy.num_replicas_in_sync == 2
    return strategy


def dense(seed):
    """A model of two sections without BatchNorm: 4 → 6 → 6 → 6 → 3."""
    keras.utils.set_random_seed(seed)

    def part(name, inputs, outputs):
        x = keras.Input((inputs,), name="x")
        y = keras.layers.Dense(
            outputs, "tanh", kernel_regularizer=keras.regularizers.L2(0.01)
        )(x)
        return keras.Model(x, y, name=name)

    sections = [part(f"section_{k}", 6, 6) for k in (1, 2)]
    return sectioned.SectionedModel(
        part("stem", 4, 6), sections, part("head", 6, 3)
    )


def normed(seed):
    """A model of two convolutions with BatchNorm, 4×4×3 → 3 classes."""
    keras.utils.set_random_seed(seed)
    inputs = [keras.Input((4, 4, size)) for size in (3, 6, 6, 6)]
    sections = []
    for k, x in enumerate(inputs[1:3], 1):
        y = keras.layers.Conv2D(6, 3, padding="same", use_bias=False)(x)
        y = keras.layers.ReLU()(layers.BatchNormalization()(y))
        sections.append(keras.Model(x, y, name=f"section_{k}"))
    stem = keras.Model(inputs[0], keras.layers.Conv2D(6, 1)(inputs[0]))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs[3])
    head = keras.Model(inputs[3], keras.layers.Dense(3)(pooled))
    return sectioned.SectionedModel(stem, sections, head)


def vectors(size):
    random = np.random.default_rng(0)
    x = random.normal(size=(size, 4)).astype("float32")
    weight = random.uniform(0.5, 2.0, size).astype("float32")
    return x, random.integers(0, 3, size).astype("int32"), weight


def fit(strategy, kind, make, arrays, batch_size):
    """Trains for an epoch; returns the student's variables and the report."""
    with strategy.scope():
        trainer = kind(make(seed=1), make(seed=2))
        trainer.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    batches = tf.data.Dataset.from_tensor_slices(arrays).batch(batch_size)
    history = trainer.fit(batches, shuffle=False, verbose=0).history
    return [v.numpy() for v in trainer.student.variables], history


def assert_same(one, two):
    for expected, value in zip(one[0], two[0], strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-5)
    assert one[1].keys() == two[1].keys()
    for name, values in one[1].items():
        assert two[1][name] == pytest.approx(values, rel=1e-5, abs=1e-5), name


@BOTH
def test_an_uneven_last_batch_weighs_every_example_alike(mirrored, kind):
    # Batches of 4 = 2 + 2, 4 = 2 + 2 and 3 = 2 + 1.
    one, two = (
        fit(strategy, kind, dense, vectors(11), 4)
        for strategy in (tf.distribute.get_strategy(), mirrored)
    )
    assert_same(one, two)


@BOTH
def test_replicas_with_equal_halves_step_as_one_device(mirrored, kind):
    # Three batches a b a b: each half has the statistics of the whole. Only the
    # moving variance differs, by the n/(n−1) of its half, and is left out.
    random = np.random.default_rng(0)
    halves = random.normal(size=(3, 1, 2, 4, 4, 3)).astype("float32")
    x = np.repeat(halves, 2, axis=1).reshape(12, 4, 4, 3)
    y = np.array([0, 2, 0, 2, 1, 1, 1, 1, 2, 0, 2, 0])
    one, two = (
        fit(strategy, kind, normed, (x, y), 4)
        for strategy in (tf.distribute.get_strategy(), mirrored)
    )
    kept = [
        i
        for i, variable in enumerate(normed(seed=2).variables)
        if variable.name != "moving_variance"
    ]
    assert len(kept) == len(one[0]) - 2
    one, two = (([run[0][i] for i in kept], run[1]) for run in (one, two))
    assert_same(one, two)


def test_an_optimiser_from_outside_the_scope_is_refused(mirrored):
    # Keras refuses it too. Its slots would not be mirrored, and train wrongly.
    with mirrored.scope():
        trainer = lit.LIT(dense(1), dense(2))
    batches = tf.data.Dataset.from_tensor_slices(vectors(4)).batch(4)
    with pytest.raises((RuntimeError, ValueError), match="Strategy|scope"):
        trainer.compile(keras.optimizers.SGD(0.1, momentum=0.9))
        trainer.fit(batches, shuffle=False, verbose=0)


def test_evaluation_on_replicas_reports_what_one_device_does(mirrored):
    reports = []
    for strategy in (tf.distribute.get_strategy(), mirrored):
        with strategy.scope():
            trainer = lit.LIT(dense(1), dense(2))
            trainer.compile()
        batches = tf.data.Dataset.from_tensor_slices(vectors(7)).batch(4)
        reports.append(trainer.evaluate(batches, verbose=0, return_dict=True))
    assert reports[1] == pytest.approx(reports[0], rel=1e-5)


def test_there_is_one_mirrored_strategy_a_process(mirrored):
    # A second one restarts the collectives' numbers; both would then fail.
    assert devices.strategy("mirrored") is mirrored


def test_moving_statistics_are_the_mean_over_the_replicas(mirrored):
    halves = np.stack([np.full((2, 3, 3, 1), v, "float32") for v in (1, 5)])
    with mirrored.scope():
        layer = layers.BatchNormalization(momentum=0.5)
        layer.build((None, 3, 3, 1))
    inputs = mirrored.experimental_distribute_values_from_function(
        lambda context: tf.constant(halves[context.replica_id_in_sync_group])
    )

    @tf.function
    def step(inputs):
        mirrored.run(lambda x: layer(x, training=True), args=(inputs,))

    step(inputs)
    # 0.5 · 0 + 0.5 · mean(1, 5), in every replica.
    copies = mirrored.experimental_local_results(layer.moving_mean.value)
    assert [float(copy[0]) for copy in copies] == [1.5, 1.5]
