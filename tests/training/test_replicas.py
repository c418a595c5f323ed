"""Two replicas take the same steps as one device on the same global batch."""

import functools

import keras
import masked_texts
import numpy as np
import pytest
import seeds
import slow
import tensorflow as tf

from lit_tf import data, layers
from lit_tf.data import batches, shares
from lit_tf.losses import masks
from lit_tf.methods import distill, lit, replicas, supervised
from lit_tf.sections import copying
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.training import devices

CONVOLUTIONS = {
    1: (keras.layers.Conv1D, keras.layers.GlobalAveragePooling1D),
    2: (keras.layers.Conv2D, keras.layers.GlobalAveragePooling2D),
}


@pytest.fixture(scope="module")
def mirrored():
    strategy = devices.strategy("mirrored")
    assert strategy.num_replicas_in_sync == 2
    return strategy


def dense(seed):
    """Returns a model without BatchNorm: two sections, 4 → 6 → 6 → 6 → 3."""
    seeds.set_all(seed)

    def part(name, inputs, outputs):
        x = keras.Input((inputs,), name="x")
        y = keras.layers.Dense(
            outputs, "tanh", kernel_regularizer=keras.regularizers.L2(0.01)
        )(x)
        return keras.Model(x, y, name=name)

    sections = [part(f"section_{k}", 6, 6) for k in (1, 2)]
    return SectionedModel(part("stem", 4, 6), sections, part("head", 6, 3))


def normed(seed, places=(4, 4)):
    """Returns a model of two convolutions with BatchNorm, for 3 classes."""
    seeds.set_all(seed)
    inputs = [keras.Input((*places, size)) for size in (3, 6, 6, 6)]
    conv, pool = CONVOLUTIONS[len(places)]
    sections = []
    for k, x in enumerate(inputs[1:3], 1):
        y = conv(6, 3, padding="same", use_bias=False)(x)
        y = keras.layers.ReLU()(layers.BatchNormalization()(y))
        sections.append(keras.Model(x, y, name=f"section_{k}"))
    stem = keras.Model(inputs[0], conv(6, 1)(inputs[0]))
    head = keras.Model(inputs[3], keras.layers.Dense(3)(pool()(inputs[3])))
    return SectionedModel(stem, sections, head)


def synchronised(seed, places=(4, 4)):
    """Returns the model of `normed` with synchronised BatchNorm."""
    return copying.copy_model(
        normed(seed, places), policy="float32", sync_batch_norm=True
    )


def vectors(size):
    random = np.random.default_rng(0)
    x = random.normal(size=(size, 4)).astype("float32")
    weight = random.uniform(0.5, 2.0, size).astype("float32")
    return x, random.integers(0, 3, size).astype("int32"), weight


def fit(strategy, kind, make, arrays, batch_size):
    """Trains for an epoch; returns the student's variables and the metrics."""
    with strategy.scope():
        trainer = kind(make(seed=1), make(seed=2))
        trainer.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    given = tf.data.Dataset.from_tensor_slices(arrays).batch(batch_size)
    history = trainer.fit(given, shuffle=False, verbose=0).history
    return [v.numpy() for v in trainer.student.variables], history


def fit_distributed(strategy, kind, make, *sets, batch_size):
    """Trains for two epochs on each set of arrays, and evaluates it.

    The trainer gets input that is distributed already, as in a run.

    Returns:
        The student's variables, and the metrics by set and name.
    """
    with strategy.scope():
        trainer = kind(make(seed=1), make(seed=2))
        trainer.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    metrics = {}
    for number, arrays in enumerate(sets):
        split = data.Split(*arrays)
        steps = batches.steps_per_epoch(split, batch_size)
        read = functools.partial(
            batches.evaluation, split, batch_size=batch_size
        )
        for _ in range(2):
            history = trainer.fit(
                shares.distribute(read, strategy),
                steps_per_epoch=steps,
                shuffle=False,
                verbose=0,
            ).history
        history |= trainer.evaluate(
            shares.distribute(read, strategy),
            steps=steps,
            verbose=0,
            return_dict=True,
        )
        metrics |= {(number, k): np.ravel(v) for k, v in history.items()}
    return [v.numpy() for v in trainer.student.variables], metrics


def test_an_uneven_last_batch_weighs_every_example_alike(mirrored, close):
    # Batches of 4 = 2 + 2, 4 = 2 + 2 and 3 = 2 + 1.
    one, two = (
        fit(strategy, lit.LIT, dense, vectors(11), 4)
        for strategy in (tf.distribute.get_strategy(), mirrored)
    )
    close(two[0], one[0], 1e-5)
    assert one[1].keys() == two[1].keys()
    close(list(two[1].values()), list(one[1].values()), 1e-5)


def images(size):
    random = np.random.default_rng(0)
    x = random.normal(3.0, 2.0, size=(size, 4, 4, 3)).astype("float32")
    return x, random.integers(0, 3, size).astype("int32")


# The batches of 4 before the last one, of 3 or of 1, are even. One replica gets
# nothing of the batch of 1.
SETS = {
    lit.LIT: [images(11), images(9)],
    distill.Distill: [images(11)],
}


@pytest.fixture(scope="module")
def synchronised_runs(mirrored):
    """A function: kind of trainer → results on one device and on replicas."""

    @functools.cache
    def make(kind):
        return [
            fit_distributed(
                strategy, kind, synchronised, *SETS[kind], batch_size=4
            )
            for strategy in (tf.distribute.get_strategy(), mirrored)
        ]

    return make


@pytest.mark.parametrize("kind", slow.all_but([lit.LIT], SETS))
def test_synchronised_replicas_are_one_device(synchronised_runs, close, kind):
    one, two = synchronised_runs(kind)
    close(two[0], one[0], 1e-5)
    assert one[1].keys() == two[1].keys()
    close(*([run[1][name] for name in one[1]] for run in (two, one)), 1e-5)


def test_synchronised_replicas_are_one_device_on_sequences(mirrored, close):
    make = functools.partial(synchronised, places=(7,))
    x, y = images(11)
    one, two = (
        fit_distributed(
            strategy,
            distill.Distill,
            make,
            (x.reshape(11, 16, 3)[:, :7], y),
            batch_size=4,
        )
        for strategy in (tf.distribute.get_strategy(), mirrored)
    )
    close(two[0], one[0], 1e-5)
    close(*([run[1][name] for name in one[1]] for run in (two, one)), 1e-5)


@pytest.mark.slow
def test_unsynchronised_replicas_have_statistics_of_their_own(
    synchronised_runs, mirrored
):
    # Otherwise the tests above could not detect a missing synchronisation.
    one, _ = synchronised_runs(distill.Distill)
    two = fit_distributed(
        mirrored, distill.Distill, normed, images(11), batch_size=4
    )
    gaps = [np.max(np.abs(a - b)) for a, b in zip(one[0], two[0], strict=True)]
    assert max(gaps) > 1e-3


@pytest.mark.parametrize(
    "penalty", slow.all_but(["l2"], ["l2", "l2_normalized"])
)
def test_an_empty_replica_is_as_good_as_absent(mirrored, close, penalty):
    # Batches of one example: one replica has it, without synchronisation.
    kind = functools.partial(lit.LIT, penalty=penalty)
    one, two = (
        fit_distributed(strategy, kind, normed, images(3), batch_size=1)
        for strategy in (tf.distribute.get_strategy(), mirrored)
    )
    close(two[0], one[0], 1e-5)
    close(*([run[1][name] for name in one[1]] for run in (two, one)), 1e-5)


@pytest.mark.parametrize("norm", slow.all_but([False], [False, True]))
def test_an_empty_replica_leaves_a_mean_over_positions_finite(
    mirrored, close, norm
):
    texts = masked_texts.dataset(3, buckets=0).train
    one, two = (
        fit_distributed(
            strategy,
            lambda _, student: supervised.Teach(student),
            lambda seed: masked_texts.network(blocks=1, norm=norm, seed=seed),
            (texts.inputs, texts.labels),
            batch_size=1,
        )
        for strategy in (tf.distribute.get_strategy(), mirrored)
    )
    assert all(np.isfinite(value).all() for value in two[0])
    if not norm:  # Keras's layer has statistics of each replica.
        close(two[0], one[0], 1e-5)


def test_an_empty_replica_has_no_positions(mirrored):
    def weights():
        number = replicas.replica_id()
        mask = tf.constant([[True, True, False], [False, False, False]])
        with masks.examples(1 - number):
            return masks.weights(mask[number : number + 1])

    first, _ = mirrored.experimental_local_results(mirrored.run(weights))
    np.testing.assert_allclose(first, [[1.5, 1.5, 0.0]])


def test_an_optimizer_from_outside_the_scope_is_refused(mirrored):
    # Keras refuses it too. Its slots would not be mirrored.
    with mirrored.scope():
        trainer = lit.LIT(dense(1), dense(2))
    given = tf.data.Dataset.from_tensor_slices(vectors(4)).batch(4)
    with pytest.raises((RuntimeError, ValueError), match="Strategy|scope"):
        trainer.compile(keras.optimizers.SGD(0.1, momentum=0.9))
        trainer.fit(given, shuffle=False, verbose=0)


@pytest.mark.slow
def test_evaluation_on_replicas_reports_what_one_device_does(mirrored):
    reports = []
    for strategy in (tf.distribute.get_strategy(), mirrored):
        with strategy.scope():
            trainer = lit.LIT(dense(1), dense(2))
            trainer.compile()
        given = tf.data.Dataset.from_tensor_slices(vectors(7)).batch(4)
        reports.append(trainer.evaluate(given, verbose=0, return_dict=True))
    assert reports[1] == pytest.approx(reports[0], rel=1e-5)


def test_prediction_on_replicas_is_one_devices(mirrored, close):
    inputs, _ = images(5)  # One replica gets none of the last batch.

    def predicted(strategy):
        with strategy.scope():
            trainer = distill.Distill(normed(1), normed(2))
            trainer.compile()
        return trainer.predict(inputs, batch_size=4, verbose=0)

    one = predicted(tf.distribute.get_strategy())
    close(predicted(mirrored), one, 1e-5)


def test_compiled_metrics_are_right_for_uneven_shares(mirrored):
    with mirrored.scope():
        trainer = distill.Distill(normed(1), normed(2))
        trainer.compile(metrics=["sparse_categorical_accuracy"])
    history = trainer.fit(*images(5), batch_size=5, verbose=0).history
    assert history["sparse_categorical_accuracy"] == history["accuracy"]


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
    # 0.5 · 0 + 0.5 · mean(1, 5) in each replica.
    copies = mirrored.experimental_local_results(layer.moving_mean.value)
    assert [float(copy[0]) for copy in copies] == [1.5, 1.5]


def test_a_replica_without_examples_gets_one_of_any_type():
    empty = {
        "text": tf.constant([], tf.string),
        "ids": tf.zeros([0, 2], tf.int32),
        "image": tf.zeros([0, 2]),
    }
    one = replicas.at_least_one(empty)
    assert one["text"].numpy().tolist() == [b"a"]
    assert one["ids"].numpy().tolist() == [[1, 1]]
    assert one["image"].numpy().tolist() == [[0.0, 0.0]]
