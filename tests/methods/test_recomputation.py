"""Activations that are computed again give the same step."""

import keras
import numpy as np
import pytest
import seeds
import slow
import tensorflow as tf

from lit_tf import layers
from lit_tf.methods import distill, lit
from lit_tf.sections import recomputation
from lit_tf.sections.sectioned_model import SectionedModel

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(6, 8, 8, 3)).astype("float32")
LABELS = RANDOM.integers(0, 3, 6)


class Adding(keras.layers.Layer):
    def call(self, inputs):
        self.add_loss(tf.reduce_mean(inputs**2))
        return inputs


class Foreign(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.scale = tf.Variable(2.0)

    def call(self, inputs):
        return inputs * self.scale


class Own(keras.Sequential):
    def call(self, inputs, training=None, mask=None):
        return 2 * super().call(inputs, training=training)


# Calls of `Counted` in the training mode.
calls = []


class Counted(keras.layers.Layer):
    def call(self, inputs, training=None):
        if training:
            calls.append(self.name)
        return inputs + tf.cast(0, inputs.dtype)


def model(seed, dtype="float32"):
    """Returns a model of two sections with residual blocks and dropout.

    One section reads context, the mean of the stem's output.
    """
    seeds.set_all(seed)

    def block(x, k):
        y = keras.layers.Conv2D(4, 3, padding="same", name=f"conv_{k}")(x)
        norm = layers.BatchNormalization if k % 2 else None
        norm = norm or keras.layers.BatchNormalization
        y = keras.layers.ReLU()(norm(name=f"norm_{k}")(y))
        y = keras.layers.Dropout(0.3, seed=k)(y)
        return keras.layers.Add()([x, Counted(name=f"counted_{k}")(y)])

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        image = keras.Input((8, 8, 3))
        x = keras.layers.Conv2D(4, 3, padding="same")(image)
        context = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
        stem = keras.Model(image, [x, context])
        sections = []
        for context in (None, keras.Input((1, 1, 4))):
            x = start = keras.Input((8, 8, 4))
            if context is not None:
                x = keras.layers.Multiply()([x, context])
            for k in range(2):
                x = block(x, k)
            inputs = start if context is None else [start, context]
            sections.append(keras.Model(inputs, x))
        start = keras.Input((8, 8, 4))
        x = keras.layers.GlobalAveragePooling2D()(start)
        x = keras.layers.Dense(3, kernel_regularizer="l2")(x)
        x = keras.layers.Activation("linear", dtype="float32")(x)
        return SectionedModel(stem, sections, keras.Model(start, x))
    finally:
        keras.config.set_dtype_policy(before)


def train(kind, recompute, **how):
    """Takes two steps; returns the trainer and its metrics."""
    dtype = how.pop("dtype", "float32")
    trainer = kind(model(1), model(2, dtype))
    trainer.recompute = recompute
    trainer.compile(keras.optimizers.SGD(0.1, momentum=0.9), **how)
    given = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(3)
    history = trainer.fit(given, shuffle=False, verbose=0).history
    return trainer, history


@pytest.mark.parametrize(
    ("kind", "how"),
    slow.all_but(
        [(lit.LIT, {})],
        [
            (lit.LIT, {}),
            (lit.LIT, {"run_eagerly": True, "dtype": "mixed_float16"}),
            (distill.Distill, {"run_eagerly": True}),
            (distill.Distill, {"run_eagerly": True, "dtype": "mixed_bfloat16"}),
        ],
    ),
)
def test_the_step_is_that_of_kept_activations(kind, how, close):
    calls.clear()
    plain, metrics = train(kind, False, **how)
    once = len(calls)
    again, same = train(kind, True, **how)
    assert len(calls) == 3 * once > 0
    tolerance = 1e-5 if "dtype" not in how else 1e-2
    for one, other in zip(
        plain.student.variables, again.student.variables, strict=True
    ):
        close(one.numpy(), other.numpy(), tolerance)
    for name, value in metrics.items():
        close(np.ravel(value), np.ravel(same[name]), tolerance)


def gradients(part, inputs, recompute):
    """Returns outputs, losses, gradients and variables after a call."""
    recomputed = recomputation.Recomputed([part] if recompute else [])
    with recomputed.in_use(), tf.GradientTape() as tape:
        outputs = part(inputs, training=True)
        losses = tf.add_n([tf.reduce_sum(outputs**2), *part.losses])
    found = tape.gradient(losses, part.trainable_variables)
    return [outputs, losses, *found, *part.non_trainable_variables]


def test_losses_of_layers_have_their_gradients_and_the_model_is_restored():
    inputs = keras.Input((3,))
    x = keras.layers.Dense(3, activity_regularizer="l2")(inputs)
    part = keras.Model(inputs, Adding()(x))
    plain, again = (gradients(part, np.ones((2, 3)), x) for x in (False, True))
    assert "call" not in vars(part)
    for one, other in zip(plain, again, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_layers_that_read_context_alone_are_called_once():
    def build():
        seeds.set_all(0)
        x, y = inputs = keras.Input((8,)), keras.Input((8,))
        y = keras.layers.Dense(8, activity_regularizer="l2")(y)
        y = keras.layers.Dropout(0.5, seed=1)(y)
        y = keras.layers.BatchNormalization()(y)
        for _ in range(4):
            x = keras.layers.Add()([keras.layers.Dense(8)(x), y])
        for _ in range(4):
            x = keras.layers.Dense(8)(x)
        return keras.Model(inputs, x)

    inputs = [RANDOM.normal(size=(3, 8)).astype("float32") for _ in range(2)]
    assert len(recomputation.Recomputed([build()]).models) > 1
    plain, again = (gradients(build(), inputs, how) for how in (False, True))
    for one, other in zip(plain, again, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_weights_of_float32_layers_are_not_rounded():
    def build():
        seeds.set_all(0)
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            x = inputs = keras.Input((8,))
            for _ in range(4):
                x = keras.layers.Dense(8, dtype="float32")(x)
            return keras.Model(inputs, x)
        finally:
            keras.config.set_dtype_policy(policy)

    inputs = RANDOM.normal(size=(3, 8)).astype("float32")
    plain, again = (gradients(build(), inputs, how) for how in (False, True))
    for one, other in zip(plain, again, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "layer"), [(keras.Sequential, Foreign), (Own, keras.layers.ReLU)]
)
def test_what_cannot_be_computed_again_is_left_as_it_is(kind, layer):
    part = kind([keras.Input((5,)), keras.layers.Dense(5), layer()])
    assert not recomputation.Recomputed([part]).models


def test_segments_are_chosen_so_that_the_least_is_kept():
    # Of 9 equal layers, √9 segments.
    x = inputs = keras.Input((5,))
    for _ in range(9):
        x = keras.layers.Dense(5)(x)
    part = keras.Model(inputs, x)
    (segments,) = recomputation.Recomputed([part]).segments.values()
    sizes = [len(segment.model.trainable_variables) for segment in segments]
    assert sizes == [6, 6, 6]
    one = keras.Model(inputs, keras.layers.Dense(5)(inputs))
    assert len(recomputation.Recomputed([one]).models) == 1
