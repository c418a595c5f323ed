"""LIT with β = 1 and β = 0, and two ways to write its CIFAR recipe."""

import keras
import numpy as np
import pytest
import seeds
import tensorflow as tf

import lit_tf
from lit_tf import config, data, models
from lit_tf.methods import lit
from lit_tf.sections import copying

STEPS = 5
RATE, MOMENTUM, DECAY = 0.05, 0.9, 1e-3


@pytest.fixture
def pair(build, batch):
    """A teacher with moving statistics of images, and a student."""
    teacher, student = build("resnet14", seed=1), build(seed=2)
    for seed in range(5):
        teacher(batch(16, seed=100 + seed)[0], training=True)
    return teacher, student


def copy_of(model):
    """Returns a copy with the model's weights."""
    return copying.copy_model(model, policy="float32")


def trained(batch, teacher, student, **settings):
    """Returns a copy of the student after `STEPS` steps of LIT."""
    trainer = lit.LIT(teacher, copy_of(student), **settings)
    trainer.compile(lit_tf.SGD(RATE, MOMENTUM, DECAY))
    for step in range(STEPS):
        trainer.train_on_batch(*batch(8, seed=step))
    return trainer.student


def frozen_ends(teacher, student):
    """Returns a copy of the student whose ends are the teacher's, frozen."""
    copy = copy_of(student)
    for part in ("stem", "head"):
        end = getattr(copy, part)
        end.set_weights(getattr(teacher, part).get_weights())
        end.trainable = False  # Keras then runs its BatchNorm in inference.
    return copy


def test_beta_one_is_plain_kd_with_frozen_ends(pair, batch, close):
    # KD in Keras alone: labels and the teacher's logits in one target, KL for
    # the soft term, L2 as a term of the loss, Keras's SGD.
    teacher, student = pair
    alpha, tau = 0.3, 4.0
    ours = trained(
        batch, teacher, student, alpha=alpha, temperature=tau, beta=1.0
    )
    plain = frozen_ends(teacher, student)
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    divergence = keras.losses.KLDivergence()

    def kd(truth, logits):
        labels, z_t = truth[:, 0], truth[:, 1:]
        soft = divergence(tf.nn.softmax(z_t / tau), tf.nn.softmax(logits / tau))
        weights = [tf.nn.l2_loss(v) for v in plain.trainable_variables]
        return (
            alpha * cross_entropy(labels, logits)
            + (1 - alpha) * tau**2 * soft
            + DECAY * tf.add_n(weights)
        )

    plain.compile(keras.optimizers.SGD(RATE, MOMENTUM), kd, jit_compile=False)
    for step in range(STEPS):
        x, y = batch(8, seed=step)
        z_t = teacher.predict_on_batch(x)
        plain.train_on_batch(x, np.concatenate([y[:, None], z_t], axis=1))
    close(ours.get_weights(), plain.get_weights(), 1e-5, relative=True)


def test_beta_zero_is_a_run_without_the_students_own_stream(pair, batch, close):
    # By hand: every section is trained separately on the teacher's
    # representations. The witness has the same weights and runs the student's
    # own stream, which BatchNorm's moving statistics are of.
    teacher, student = pair
    ours = trained(batch, teacher, student, beta=0.0)
    alone, witness = (frozen_ends(teacher, student) for _ in range(2))
    optimizer = keras.optimizers.SGD(RATE, MOMENTUM)
    for step in range(STEPS):
        x, _ = batch(8, seed=step)
        for copied, v in zip(
            witness.trainable_variables, alone.trainable_variables, strict=True
        ):
            copied.assign(v)
        witness(x, training=True)
        gradients, variables, T = [], [], teacher.stem(x, training=False)
        for target, section in zip(
            teacher.sections, alone.sections, strict=True
        ):
            inputs, T = T, target(T, training=False)
            mine = section.trainable_variables
            with tf.GradientTape() as tape:
                error = tf.square(section(inputs, training=True) - T)
                loss = tf.reduce_mean(error)
                loss += DECAY * tf.add_n([tf.nn.l2_loss(v) for v in mine])
            gradients += tape.gradient(loss, mine)
            variables += mine
        optimizer.apply(gradients, variables)
    for section, expected, seen in zip(
        ours.sections, alone.sections, witness.sections, strict=True
    ):
        for theirs, kind in (
            (expected, "trainable_variables"),
            (seen, "non_trainable_variables"),
        ):
            close(
                getattr(section, kind),
                getattr(theirs, kind),
                1e-5,
                relative=True,
            )


def test_beta_zero_has_no_gradient_at_the_logits(pair, batch, close):
    slopes = {}
    for beta in (0.0, 0.5):
        trainer = lit.LIT(*pair, beta=beta)
        with tf.GradientTape() as tape:
            terms, logits = trainer.terms(*batch(8), training=True)
            value = tf.reduce_mean(terms["total"])
        slopes[beta] = tape.gradient(value, logits)
    assert np.all(slopes[0.5])
    close(slopes[0.0], np.zeros([8, 5]), 0.0)


class Published:
    """PyTorch's SGD, in NumPy: v ← m·v + (g + wd·w), w ← w − rate·v."""

    def __init__(self, rate, momentum, decay):
        self.rate, self.momentum, self.decay = rate, momentum, decay
        self.velocities = {}

    def apply(self, gradients, variables):
        for g, w in zip(gradients, variables, strict=True):
            slope = g.numpy().astype(float) + self.decay * w.numpy()
            last = self.velocities.get(id(w), 0.0)
            self.velocities[id(w)] = slope + self.momentum * last
            w.assign(w.numpy() - self.rate * self.velocities[id(w)])


def test_the_faithful_recipe_is_the_published_form(close):
    digits = data.load(config.Data())
    pair = []
    for seed, name in enumerate(("resnet14", "resnet8")):
        seeds.set_all(seed)
        pair.append(models.get(name)(**digits.form))
    teacher, student = pair
    batches = [
        (digits.train.inputs[i : i + 32], digits.train.labels[i : i + 32])
        for i in range(0, 20 * 32, 32)
    ]
    for x, _ in batches:
        teacher(x, training=True)
    faithful, published = (lit.LIT(teacher, copy_of(student)) for _ in range(2))
    # L at .05 with 2e-4, by `LIT.train_step` and `lit_tf.SGD` …
    faithful.compile(lit_tf.SGD(0.05, momentum=0.9, weight_decay=2e-4))
    # … and ½·L at .1 with 1e-4, by hand.
    optimizer = Published(0.1, 0.9, 1e-4)
    variables = published.trained_variables

    @tf.function
    def gradients(x, y):
        with tf.GradientTape() as tape:
            terms, _ = published.terms(x, y, training=True)
            half = 0.5 * tf.reduce_mean(terms["total"])
        return tape.gradient(half, variables)

    for x, y in batches:
        faithful.train_on_batch(x, y)
        optimizer.apply(gradients(x, y), variables)
    start, after, expected = (
        [v.numpy() for s in model.sections for v in s.trainable_variables]
        for model in (student, faithful.student, published.student)
    )
    moved = max(np.max(abs(a - b)) for a, b in zip(start, after, strict=True))
    assert moved > 0.01
    close(after, expected, 1e-6)
