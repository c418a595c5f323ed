"""`Adversarial`: losses, turns of the two models, and what is saved."""

import keras
import numpy as np
import pytest
import seeds
import slow
import tensorflow as tf

from lit_tf import errors
from lit_tf.losses import wgan_gp
from lit_tf.methods.stargan import Adversarial, _slice
from lit_tf.models.stargan import build
from lit_tf.models.stargan import discriminator as new_discriminator
from lit_tf.sections import copying, inspection, model_files
from lit_tf.training import devices, optimizers

RATE = 1e-3


@pytest.fixture
def pair():
    """A function: seed → a tiny generator and a matching discriminator."""

    def make(seed=0):
        seeds.set_all(seed)
        generator = build(
            8,
            input_shape=(8, 8, 3),
            classes=3,
            attributes=("Black_Hair", "Male", "Young"),
            width=4,
        )
        discriminator = new_discriminator(
            input_shape=(8, 8, 3), classes=3, width=4, depth=2
        )
        return generator, discriminator

    return make


@pytest.fixture
def images(batch):
    """A function: size → (images, targets) and the images' attributes."""

    def make(size):
        x, _ = batch(size, name="stargan8")
        labels = np.random.default_rng(1).integers(0, 2, (size, 3))
        return x, labels.astype(np.float32)

    return make


def fit(trainer, x, y, batch_size, kind=optimizers.Adam):
    with trainer.distribute_strategy.scope():
        trainer.compile(kind(RATE, momentum=0.5))
    return trainer.fit(
        x, y, batch_size=batch_size, verbose=0, shuffle=False
    ).history


def values(model):
    return [v.numpy() for v in model.variables]


def moved(before, model):
    return any(
        np.any(old != new)
        for old, new in zip(before, values(model), strict=True)
    )


def test_losses_are_summed_over_attributes_and_averaged_over_patches():
    logits = tf.constant([[0.0, 2.0], [-1.0, 0.0]])
    expected = [
        np.log(2) + np.log1p(np.exp(-2)),
        np.log1p(np.exp(-1)) + np.log(2),
    ]
    attributes = np.array([[1.0, 1.0], [0.0, 1.0]], np.float32)
    np.testing.assert_allclose(
        wgan_gp.classes(attributes, logits), expected, rtol=1e-6
    )
    sources = tf.reshape(tf.range(8.0), [2, 2, 2, 1])
    np.testing.assert_allclose(wgan_gp.realness(sources), [1.5, 5.5])


def test_the_gradient_penalty_is_that_of_the_sum_over_patches():
    # Each patch weighs every pixel by 2, so the sum over 4 patches has slope 8
    # at each of 12 numbers.
    def sources(images):
        total = 2 * tf.reduce_sum(images, axis=(1, 2, 3))
        return tf.tile(total[:, None, None, None], [1, 2, 2, 1])

    real, fake = tf.zeros([3, 2, 2, 3]), tf.ones([3, 2, 2, 3])
    penalty = wgan_gp.gradient_penalty(
        sources, real, fake, tf.fill([3, 1, 1, 1], 0.5)
    )
    np.testing.assert_allclose(penalty, [(8 * 12**0.5 - 1) ** 2] * 3, rtol=1e-6)


def test_the_gradient_penalty_is_computed_at_the_point_of_epsilon():
    def sources(images):
        return tf.reduce_sum(images**2, axis=3, keepdims=True)

    real, fake = tf.ones([1, 1, 1, 1]), tf.zeros([1, 1, 1, 1])
    for epsilon in (0.25, 1.0):
        penalty = wgan_gp.gradient_penalty(
            sources, real, fake, tf.fill([1, 1, 1, 1], epsilon)
        )
        np.testing.assert_allclose(penalty, [(2 * epsilon - 1) ** 2], rtol=1e-5)


def test_a_gradient_penalty_at_slope_0_has_a_finite_gradient():
    scale = tf.Variable(0.0)
    with tf.GradientTape() as tape:
        penalty = wgan_gp.gradient_penalty(
            lambda images: scale * images[..., :1],
            tf.ones([1, 2, 2, 3]),
            tf.zeros([1, 2, 2, 3]),
            tf.ones([1, 1, 1, 1]),
        )
    assert np.isfinite(tape.gradient(penalty, scale))


def test_the_discriminator_takes_several_steps_per_generator_step(pair, images):
    trainer = Adversarial(*pair(), trained=True, discriminator_steps=2)
    fit(trainer, *images(16), batch_size=8)
    steps = [int(optimizer.iterations) for optimizer in trainer.optimizers]
    assert steps == [2, 4]


@pytest.mark.slow
def test_a_fixed_discriminator_does_not_change(pair, images):
    generator, discriminator = pair()
    trainer = Adversarial(generator, discriminator, trained=False)
    before, student = values(discriminator), values(generator)
    history = fit(trainer, *images(8), batch_size=4)
    assert not moved(before, discriminator)
    assert moved(student, generator)
    assert not any(name.startswith("d_") for name in history)
    assert trainer.auxiliary_models == {} and trainer.batches == 1


def test_the_slices_of_a_batch_are_equal_and_cover_it():
    # A trained discriminator reads all slices, the generator the last one.
    for count in range(1, 30):
        rows = [_slice(tf.range(count), i, 5).numpy() for i in range(5)]
        assert {len(row) for row in rows} == {max(1, count // 5)}
        if count % 5 == 0:
            np.testing.assert_array_equal(np.concatenate(rows), range(count))


def test_the_lambdas_weigh_the_terms(pair, images):
    trainer = Adversarial(
        *pair(), trained=True, lambda_cls=2.0, lambda_rec=3.0, lambda_gp=5.0
    )
    trainer.compile(optimizers.Adam(RATE))
    x, y = tf.nest.map_structure(tf.constant, images(4))
    terms, _ = trainer.terms(x, y, training=False)
    np.testing.assert_allclose(
        terms["total"],
        terms["g_fake"] + 2 * terms["g_cls"] + 3 * terms["g_rec"],
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        terms["d_total"],
        terms["d_real"]
        + terms["d_fake"]
        + 2 * terms["d_cls"]
        + 5 * terms["d_gp"],
        rtol=1e-6,
    )


def test_the_discriminators_loss_does_not_train_the_generator(pair, images):
    generator, discriminator = pair()
    trainer = Adversarial(generator, discriminator, trained=True)
    x, y = images(4)
    with tf.GradientTape() as tape:
        terms = trainer.discriminator_terms(
            x, y, tf.ones([4, 1, 1, 1]), training=True
        )
        total = tf.reduce_sum(terms["d_total"])
    assert all(
        slope is None
        for slope in tape.gradient(total, generator.trainable_variables)
    )


def test_save_writes_the_generator_alone(pair, tmp_path):
    trainer = Adversarial(*pair(), trained=True)
    trainer.compile(optimizers.Adam(RATE))
    trainer.save(tmp_path / "student.keras")
    again = model_files.load(tmp_path / "student.keras")
    assert len(again.variables) == len(trainer.student.variables)
    assert set(trainer.auxiliary_models) == {"discriminator"}
    assert set(trainer.state) == {
        *("student", "optimizer", "metrics", "discriminator", "opponent")
    }


@pytest.mark.parametrize(
    "policy",
    slow.all_but(["mixed_float16"], ["mixed_float16", "mixed_bfloat16"]),
)
def test_half_precision_applies_to_the_generator_alone(pair, images, policy):
    generator, discriminator = pair()
    generator = copying.copy_model(generator, policy=policy)
    trainer = Adversarial(
        generator, discriminator, trained=True, discriminator_steps=1
    )
    before = values(generator)
    history = fit(trainer, *images(10), batch_size=10)
    assert all(np.isfinite(series).all() for series in history.values())
    assert inspection.computes_in(discriminator) == {"float32"}
    scaled = isinstance(trainer.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (policy == "mixed_float16")
    assert not hasattr(trainer.optimizers[1], "inner_optimizer")
    assert scaled or moved(before, generator)


@pytest.mark.slow
def test_two_replicas_equal_one_device(pair, images, close, monkeypatch):
    # The penalty's points are drawn by replica; here they are all the same.
    monkeypatch.setattr(
        Adversarial,
        "_epsilon",
        lambda _, images, i=0: tf.fill([tf.shape(images)[0], 1, 1, 1], 0.3),
    )
    x, y = images(16)
    left = []
    for name in ("default", "mirrored"):
        with devices.strategy(name).scope():
            models = pair(seed=3)
            trainer = Adversarial(*models, trained=True, discriminator_steps=1)
        # Adam would turn a gradient of rounding errors into a whole step.
        fit(trainer, x, y, batch_size=8, kind=optimizers.SGD)
        left.append([v for model in models for v in values(model)])
    close(left[1], left[0], 1e-6)


def test_sample_weights_are_refused(pair, images):
    trainer = Adversarial(*pair(), trained=True)
    trainer.compile(optimizers.Adam(RATE), run_eagerly=True)
    x, y = images(4)
    with pytest.raises(errors.SettingsError, match="without sample weights"):
        trainer.fit(x, y, sample_weight=np.ones(4), verbose=0)
