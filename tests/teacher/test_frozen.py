"""The frozen teacher: its outputs, and which BatchNorms are folded."""

import warnings

import keras
import numpy as np
import pytest
import seeds
import slow
import tensorflow as tf

from lit_tf import layers
from lit_tf.methods import distill, lit
from lit_tf.sections import copying
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.teacher.frozen import dtype_for, freeze, output_alone

L = keras.layers
Norm = layers.BatchNormalization


def randomized(model, seed=0):
    """Gives every BatchNorm and bias of a model random values."""
    random = np.random.default_rng(seed)
    for variable in model.variables:
        if variable.name == "moving_variance":
            variable.assign(random.uniform(0.5, 2.0, variable.shape))
        elif variable.name in ("gamma", "beta", "moving_mean", "bias"):
            variable.assign(random.normal(size=variable.shape))
    return model


def norms(model):
    """Counts the BatchNorms of a model and of its nested models."""
    return sum(
        isinstance(layer, L.BatchNormalization)
        for layer in model._flatten_layers()
    )


def assert_folded(model, *, left, shape=(8, 8, 3)):
    """Asserts that the frozen copy agrees, with `left` BatchNorms unfolded."""
    randomized(model)
    frozen = freeze(model)
    x = np.random.default_rng(1).normal(size=(3, *shape)).astype("float32")
    expected = model(x, training=False)
    outputs = frozen(x, training=False)
    output = tf.nest.flatten(outputs)[-1]
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-4)
    assert norms(frozen) == left


def test_it_returns_every_representation_and_the_output(build, batch, close):
    model, (images, _) = randomized(build("resnet14")), batch(3)
    frozen = freeze(model)
    outputs = frozen(images, training=False)
    expected = [model.stem(images, training=False)]
    for section in model.sections:
        expected.append(section(expected[-1], training=False))
    expected.append(model(images, training=False))
    assert len(outputs) == len(model.sections) + 2
    close(outputs, expected, 1e-4, relative=True)
    assert norms(frozen) == 0


def test_running_it_does_not_change_the_teacher(build, batch):
    model = build()
    before = model.get_weights()
    freeze(model)(batch(3)[0], training=False)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_it_keeps_the_weights_of_the_time_it_was_frozen(build, batch):
    model, images = build(), batch(3)[0]
    frozen = freeze(model)
    before = frozen(images, training=False)[-1]
    model.set_weights([2 * value for value in model.get_weights()])
    np.testing.assert_array_equal(frozen(images, training=False)[-1], before)


def test_it_runs_without_a_warning(build, batch):
    frozen = freeze(build())
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="The structure of `inputs`")
        frozen(batch(2)[0], training=False)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "linear",
    [
        lambda **kw: L.Conv2D(6, 3, **kw),
        lambda **kw: L.Conv2D(6, 3, groups=3, strides=2, **kw),
        lambda **kw: layers.GroupedConv2D(6, 3, groups=3, **kw),
        lambda **kw: L.DepthwiseConv2D(3, depth_multiplier=2, **kw),
        lambda **kw: L.SeparableConv2D(5, 3, depth_multiplier=2, **kw),
        lambda **kw: L.Conv2DTranspose(6, 3, strides=2, **kw),
        lambda **kw: L.Dense(7, **kw),
    ],
    ids=[
        "conv",
        "grouped",
        "fast_grouped",
        "depthwise",
        "separable",
        "transposed",
        "dense",
    ],
)
def test_a_norm_is_folded_into_the_layer_before_it(linear, bias):
    seeds.set_all(0)
    x = keras.Input((8, 8, 3))
    y = L.ReLU()(Norm()(linear(use_bias=bias)(x)))
    assert_folded(keras.Model(x, y), left=0)


@pytest.mark.parametrize(
    "settings", [{"scale": False}, {"center": False}, {"epsilon": 0.1}]
)
def test_a_norm_without_scale_or_center_is_folded(settings):
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), L.Conv2D(4, 3), Norm(**settings)]
    )
    assert_folded(model, left=0)


@pytest.mark.filterwarnings("error:.*destroy the mask")
@pytest.mark.parametrize("norm", [Norm, L.BatchNormalization])
def test_a_norm_with_a_mask_is_folded(norm):
    x = keras.Input((5,), dtype="int32")
    y = L.Dense(4)(L.Embedding(9, 6, mask_zero=True)(x))
    y = L.GlobalAveragePooling1D()(norm()(y))
    model = randomized(keras.Model(x, y))
    codes = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 7, 8]])
    frozen = freeze(model)
    output = tf.nest.flatten(frozen(codes, training=False))[-1]
    np.testing.assert_allclose(output, model(codes), rtol=1e-5, atol=1e-6)
    assert norms(frozen) == 0


def test_a_one_dimensional_convolution_is_folded():
    model = keras.Sequential(
        [keras.Input((9, 5)), L.Conv1D(4, 3), L.BatchNormalization(), L.ReLU()]
    )
    assert_folded(model, left=0, shape=(9, 5))


def test_a_norm_is_not_folded_if_another_layer_reads_its_input():
    x = keras.Input((8, 8, 3))
    between = L.Conv2D(4, 3)(x)
    y = L.Add()([Norm()(between), between])
    assert_folded(keras.Model(x, y), left=1)


def test_a_norm_is_not_folded_if_its_input_is_a_representation():
    def part(name, shape, layer):
        x = keras.Input(shape)
        return keras.Model(x, layer(x), name=name)

    model = SectionedModel(
        part("stem", (8, 8, 3), L.Conv2D(4, 3)),
        [part("section_1", (6, 6, 4), Norm())],
        part("head", (6, 6, 4), L.Flatten()),
    )
    assert_folded(model, left=1)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: Norm()(L.ReLU()(L.Conv2D(4, 3)(x))),
        lambda x: Norm()(L.Conv2D(4, 3, activation="relu")(x)),
        lambda x: Norm()(x),
        lambda x: Norm(axis=1)(L.Conv2D(6, 3)(x)),
    ],
    ids=["after relu", "after activation", "after input", "other axis"],
)
def test_a_norm_that_does_not_follow_a_linear_layer_is_not_folded(make):
    x = keras.Input((8, 8, 3))
    assert_folded(keras.Model(x, make(x)), left=1)


def test_a_layer_that_is_called_twice_is_not_folded():
    x = keras.Input((8, 8, 3))
    shared = L.Conv2D(3, 3, padding="same")
    y = Norm()(shared(Norm()(shared(x))))
    assert_folded(keras.Model(x, y), left=2)


def test_a_norm_called_in_training_mode_is_not_folded():
    x = keras.Input((8, 8, 3))
    model = randomized(keras.Model(x, Norm()(L.Conv2D(4, 3)(x), training=True)))
    assert norms(freeze(model)) == 1


def test_nested_models_are_folded():
    def block(name):
        x = keras.Input((8, 8, 3))
        y = Norm()(L.Conv2D(3, 3, padding="same")(x))
        return keras.Model(x, L.Add()([x, y]), name=name)

    inner = keras.Sequential(
        [keras.Input((8, 8, 3)), L.Conv2D(3, 1), Norm()], name="inner"
    )
    x = keras.Input((8, 8, 3))
    assert_folded(keras.Model(x, inner(block("b")(block("a")(x)))), left=0)


def test_a_subclassed_model_is_not_folded():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = L.Conv2D(4, 3), Norm()

        def call(self, inputs, training=None):
            return self.norm(self.conv(inputs), training=training)

    x = keras.Input((8, 8, 3))
    assert_folded(keras.Model(x, Own()(x)), left=1)


@pytest.mark.parametrize(
    "dtype", slow.all_but(["bfloat16"], ["bfloat16", "float16"])
)
def test_it_computes_in_the_chosen_dtype(build, batch, dtype):
    model, images = randomized(build("resnet14")), batch(3)[0]
    frozen = freeze(model, dtype)
    *representations, output = frozen(images, training=False)
    assert {t.dtype for t in representations} == {tf.as_dtype(dtype)}
    assert output.dtype == tf.float32
    expected = freeze(model)(images, training=False)
    for rounded, exact in zip(representations, expected[:-1], strict=True):
        gap = np.linalg.norm(np.float32(rounded) - exact) / np.linalg.norm(
            exact
        )
        assert 0 < gap < 0.03


@pytest.mark.parametrize(
    ("policy", "choice", "expected"),
    [
        ("float32", "auto", "float32"),
        ("mixed_bfloat16", "auto", "bfloat16"),
        ("mixed_float16", "auto", "bfloat16"),
        ("float32", "float16", "float16"),
        ("mixed_bfloat16", "float32", "float32"),
    ],
)
def test_the_dtype_follows_the_student_and_the_machine(
    build, monkeypatch, policy, choice, expected
):
    student = copying.copy_model(build(), policy=policy)
    monkeypatch.setattr("lit_tf.teacher.frozen._has_bfloat16", lambda: True)
    assert dtype_for(student, choice) == expected
    monkeypatch.setattr("lit_tf.teacher.frozen._has_bfloat16", lambda: False)
    if choice == "auto":
        assert dtype_for(student) == "float32"


def test_trainers_may_share_a_frozen_teacher(build, batch):
    teacher, student = build("resnet14", seed=1), build(seed=2)
    first = lit.LIT(teacher, student)
    second = distill.Distill(teacher, student, frozen=first.frozen)
    assert second.frozen is first.frozen
    assert distill.Distill(teacher, student).frozen is not first.frozen


def test_output_alone_is_the_teachers_output(build, batch):
    teacher, images = randomized(build("resnet14")), batch(3)[0]
    alone = output_alone(freeze(teacher))
    np.testing.assert_allclose(
        alone(images, training=False),
        teacher(images, training=False),
        rtol=1e-3,
    )


def test_a_layer_with_functions_of_the_user_is_folded():
    def ones(shape, dtype=None):
        return keras.ops.ones(shape, dtype)

    x = images = keras.Input((8, 8, 3))
    x = L.Conv2D(
        4, 3, kernel_initializer=ones, kernel_regularizer=lambda w: 0.0
    )(x)
    x = Norm()(x)
    assert_folded(keras.Model(images, x), left=0)


class Ones:
    """An initializer without a configuration."""

    def __call__(self, shape, dtype=None):
        return keras.ops.ones(shape, dtype)


def test_a_norm_after_a_layer_that_cannot_be_copied_is_not_folded():
    x = keras.Input((4,))
    y = Norm()(L.Dense(3, kernel_initializer=Ones())(x))
    assert_folded(keras.Model(x, y), left=1, shape=(4,))
