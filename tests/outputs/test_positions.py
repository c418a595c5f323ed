"""Logits of positions, such as pixels: a label and a KD loss for each."""

import keras
import numpy as np
import pytest
import seeds
import slow
import tensorflow as tf

import lit_tf
from lit_tf import errors, outputs
from lit_tf.losses import distillation
from lit_tf.training import devices

X = np.random.default_rng(0).normal(size=(5, 4, 4, 2)).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, (5, 4, 4))
VOID = np.where(np.random.default_rng(2).random(Y.shape) < 0.4, 255, Y)
IGNORE = keras.losses.SparseCategoricalCrossentropy(
    from_logits=True, ignore_class=255
)


def network(seed, classes=3):
    seeds.set_all(seed)
    inputs = x = keras.Input((4, 4, 2), name="pixels")
    for name in ("stem", "one", "two"):
        x = keras.layers.Conv2D(
            4, 3, padding="same", activation="tanh", name=name
        )(x)
    x = keras.layers.Conv2D(classes, 1, name="answer")(x)
    return lit_tf.split(keras.Model(inputs, x), ["stem", "one", "two"])


def expected(y, z_t, z_s):
    """Returns the terms of all known pixels as if each were an example."""
    known = y != 255
    terms = outputs.Classes(alpha=0.4, temperature=3.0).terms(
        *(tf.constant(values[known]) for values in (y, z_t, z_s))
    )
    means = {name: float(tf.reduce_mean(v)) for name, v in terms.items()}
    return means | {"accuracy": np.mean(z_s[known].argmax(-1) == y[known])}


@pytest.mark.parametrize(
    "form",
    slow.all_but(
        ["one-hot", "ignored"], ["numbers", "column", "one-hot", "ignored"]
    ),
)
@pytest.mark.parametrize(
    "method", slow.all_but([lit_tf.LIT], [lit_tf.LIT, lit_tf.Distill])
)
def test_losses_and_accuracy_are_means_over_the_pixels(method, form):
    teacher, student = network(1), network(2)
    kind = outputs.Classes(alpha=0.4, temperature=3.0)
    trainer = method(teacher, student, outputs=kind)
    trainer.compile("sgd", **({"loss": IGNORE} if form == "ignored" else {}))
    y = {
        "numbers": Y,
        "column": Y[..., np.newaxis],
        "one-hot": np.eye(3, dtype="float32")[Y],
        "ignored": VOID,
    }[form]
    report = trainer.evaluate(X, y, verbose=0, return_dict=True)
    whole = expected(
        VOID if form == "ignored" else Y, teacher(X).numpy(), student(X).numpy()
    )
    for name in ("hard", "soft", "accuracy"):
        assert report[name] == pytest.approx(whole[name], rel=1e-4), name
    kd = "kd" if method is lit_tf.LIT else "total"
    assert report[kd] == pytest.approx(whole["kd"], rel=1e-4)


@pytest.mark.parametrize(
    "method", slow.all_but([lit_tf.Distill], [lit_tf.LIT, lit_tf.Distill])
)
def test_pixels_without_weight_do_not_count(method):
    """As those without a known class (see `expected`)."""
    teacher, student = network(1), network(2)
    kind = outputs.Classes(alpha=0.4, temperature=3.0)
    trainer = method(teacher, student, outputs=kind)
    trainer.compile("sgd")
    report = trainer.evaluate(
        X,
        np.where(VOID == 255, 0, VOID),
        sample_weight=np.float32(VOID != 255),
        verbose=0,
        return_dict=True,
    )
    whole = expected(VOID, teacher(X).numpy(), student(X).numpy())
    for name in ("hard", "soft", "accuracy"):
        assert report[name] == pytest.approx(whole[name], rel=1e-4), name


@pytest.mark.parametrize("eager", [False, True])
def test_losses_are_means_by_the_weights_of_pixels(eager):
    teacher, student = network(1), network(2)
    weights = np.random.default_rng(3).random(Y.shape).astype("float32")
    trainer = lit_tf.Distill(teacher, student)
    trainer.compile("sgd", run_eagerly=eager)
    x, y = tf.constant(X), tf.constant(Y)
    weighted, plain = (
        trainer.test_on_batch(x, y, sample_weight=w, return_dict=True)
        for w in (weights, None)
        if not trainer.reset_metrics()
    )
    values = keras.losses.sparse_categorical_crossentropy(
        Y, student(X), from_logits=True
    )
    right = student(X).numpy().argmax(-1) == Y
    # The labels themselves carry no weights.
    for report, w in ((weighted, weights), (plain, None)):
        for name, each in (("hard", values), ("accuracy", right)):
            expected = np.average(each, weights=w)
            assert report[name] == pytest.approx(expected, rel=1e-4), name


def test_a_mask_of_rows_leaves_out_their_pixels():
    z = tf.constant(np.random.default_rng(4).normal(size=(4, 4, 4, 3)))
    y, known = Y[:4], np.arange(4)[:, None] % 3 < np.arange(1, 5) % 4
    hard = distillation.hard(tf.constant(y), z, tf.constant(known))
    kept = distillation.hard(*(tf.constant(v[known]) for v in (y, z.numpy())))
    np.testing.assert_allclose(
        tf.reduce_mean(hard), tf.reduce_mean(kept), rtol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("weighted", [False, True])
def test_ignored_pixels_are_counted_on_all_replicas(weighted):
    states = []
    for strategy in ("default", "mirrored"):
        with devices.strategy(strategy).scope():
            trainer = lit_tf.Distill(network(1), network(2))
            trainer.compile(
                keras.optimizers.SGD(0.1), loss=None if weighted else IGNORE
            )
        y = np.where(VOID == 255, 0, VOID) if weighted else VOID
        weights = np.float32(VOID != 255) if weighted else None
        history = trainer.fit(
            X, y, batch_size=5, sample_weight=weights, verbose=0
        ).history
        reported = [history[name] for name in sorted(history)]
        states.append([*reported, *trainer.student.get_weights()])
    for one, other in zip(*states, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_labels_of_pixels_are_checked():
    trainer = lit_tf.Teach(network(1))
    trainer.compile("sgd")
    for y, message in (
        (VOID, "Received: 255."),
        (Y[:, 0], "one for each example or position"),
    ):
        with pytest.raises(errors.SettingsError, match=message):
            trainer.fit(X, y, verbose=0)

    def of_examples(y, z):
        difference = keras.ops.cast(y, "float32") - z[..., 0]
        return keras.ops.mean(difference**2, axis=(1, 2))

    own = lit_tf.Teach(network(1))
    own.compile("sgd", loss=of_examples)
    with pytest.raises(errors.SettingsError, match="one value for each posit"):
        own.fit(X, Y, sample_weight=np.ones(Y.shape), verbose=0)
    with pytest.raises(errors.SettingsError, match="for each position of the"):
        trainer.fit(X, Y, sample_weight=np.ones((5, 3)), verbose=0)


@pytest.mark.parametrize(
    "loss", slow.all_but([None], [None, "binary_crossentropy"])
)
def test_one_logit_of_each_pixel_has_two_classes(loss):
    teacher, student = network(1, 1), network(2, 1)
    trainer = lit_tf.Distill(teacher, student)
    trainer.compile("sgd", loss=loss)
    y = Y % 2
    report = trainer.evaluate(X, y, verbose=0, return_dict=True)
    z = student(X).numpy()[..., 0]
    hard = keras.losses.BinaryCrossentropy(from_logits=True)(y, z)
    assert report["hard"] == pytest.approx(float(hard), rel=1e-4)
    assert report["accuracy"] == pytest.approx(np.mean((z > 0) == y))
