"""Blocks of models of sequences, with projections before and behind them."""

import keras
import numpy as np
import pytest

import lit_tf

LENGTH, WIDTH = 6, 8
layers = keras.layers


def attend(x, name, **kwargs):
    attention = layers.MultiHeadAttention(2, 4, name=f"attention_{name}")
    y = layers.LayerNormalization(name=f"norm_{name}")(x)
    return layers.Add(name=f"attended_{name}")([x, attention(y, y, **kwargs)])


def project(x, name):
    y = layers.LayerNormalization(name=f"second_norm_{name}")(x)
    y = layers.Dense(16, activation="gelu", name=f"wide_{name}")(y)
    y = layers.Dense(WIDTH, name=f"narrow_{name}")(y)
    return layers.Add(name=f"out_{name}")([x, y])


def forecaster(*, before=1, behind=1, masked=False, width=WIDTH, halves=8):
    """Returns a transformer whose ends are dense layers of its own width."""
    x = series = keras.Input((LENGTH, width), name="series")
    mask = keras.Input((LENGTH,), dtype="bool", name="mask")
    how = {"attention_mask": mask[:, None]} if masked else {}
    for j in range(before):
        x = layers.Dense(WIDTH, name=f"before_{j}")(x)
    for j in range(halves):
        x = project(x, j // 2) if j % 2 else attend(x, j // 2, **how)
    x = layers.LayerNormalization(name="last_norm")(x)
    for j in range(behind):
        x = layers.Dense(WIDTH, name=f"behind_{j}")(x)
    return keras.Model([series, mask] if masked else series, x)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    ("before", "behind", "width"), [(1, 1, 8), (1, 1, 3), (2, 2, 8), (2, 1, 8)]
)
def test_projections_to_a_width_and_back_are_no_blocks(
    before, behind, width, masked
):
    model = forecaster(before=before, behind=behind, width=width, masked=masked)
    plan = lit_tf.plan(model)
    assert plan.cuts == (f"before_{before - 1}", "out_3")
    assert plan.parts[1].block_ends == tuple(f"out_{j}" for j in range(4))
    student = lit_tf.shrink(model, keep=2)
    kept = {layer.name for layer in student.sections[0].layers}
    assert {"attention_0", "wide_0", "attention_3", "wide_3"} <= kept
    assert not {"attention_1", "attention_2"} & kept


def test_half_a_block_at_the_end_is_a_block():
    plan = lit_tf.plan(forecaster(halves=7))
    ends = ("out_0", "out_1", "out_2", "attended_3")
    assert plan.parts[1].block_ends == ends


def residual(x, name, convolutions=2):
    y = x
    for _ in range(convolutions):
        y = layers.Conv2D(8, 3, padding="same", activation="relu")(y)
    return layers.Add(name=name)([x, y])


def convolved(x, name):
    return layers.Conv2D(8, 3, padding="same", name=name)(x)


@pytest.mark.parametrize("convolutions", [1, 2])
def test_convolutions_around_residual_blocks_are_no_blocks(convolutions):
    x = inputs = keras.Input((4, 4, 8), name="latent")
    for name in ("first", "second"):
        x = convolved(x, name)
    for j in range(3):
        x = residual(x, f"out_{j}", convolutions)
    plan = lit_tf.plan(keras.Model(inputs, convolved(x, "last")))
    assert plan.parts[1].block_ends == ("out_0", "out_1", "out_2")


def test_three_equal_convolutions_before_residual_blocks_are_a_row():
    x = inputs = keras.Input((4, 4, 3), name="image")
    for j in range(4):
        x = convolved(x, f"plain_{j}")
    for j in range(2):
        x = residual(x, f"out_{j}")
    x = layers.GlobalAveragePooling2D()(x)
    plan = lit_tf.plan(keras.Model(inputs, layers.Dense(2)(x)))
    ends = [part.block_ends for part in plan.parts[1:-1]]
    assert ends == [("plain_1", "plain_2", "plain_3"), ("out_0", "out_1")]


def shared_keys():
    """Returns a model in which all blocks read keys and values of the first."""
    x = inputs = keras.Input((LENGTH, 3))
    x = layers.Dense(WIDTH, name="table")(x)
    keys, values = (layers.Dense(WIDTH, name=n)(x) for n in ("keys", "values"))
    for j in range(4):
        query = layers.Dense(WIDTH, name=f"query_{j}")(x)
        scores = keras.ops.matmul(query, keras.ops.transpose(keys, (0, 2, 1)))
        y = keras.ops.matmul(keras.ops.softmax(scores), values)
        x = project(layers.Add(name=f"attended_{j}")([x, y]), j)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(3)(x))


def test_keys_and_values_that_all_blocks_read_are_context():
    model = shared_keys()
    plan = lit_tf.plan(model, sections=2)
    assert plan.cuts == ("table", "out_1", "out_3")
    assert [part.blocks for part in plan.parts[1:-1]] == [2, 2]
    x = np.random.default_rng(0).normal(size=(2, LENGTH, 3)).astype("float32")
    parts = lit_tf.split(model, plan)
    np.testing.assert_allclose(parts(x), model(x), rtol=1e-5, atol=1e-6)
    student = lit_tf.shrink(parts, keep=(1, 1), init="teacher_blocks")
    assert np.isfinite(student(x)).all()


def test_no_block_of_a_model_that_returns_them_all_can_be_left_out():
    x = inputs = keras.Input((LENGTH, 3), name="series")
    x = layers.Dense(WIDTH, name="table")(x)
    states = []
    for j in range(4):
        x = project(attend(x, j), j)
        states.append(x)
    plan = lit_tf.plan(keras.Model(inputs, states))
    assert not plan.cuts
    # Three outputs of residual blocks like those of the shared part.
    shared = x = keras.layers.Dense(WIDTH, name="shared")(inputs)
    for j in range(3):
        x = layers.Add(name=f"trunk_{j}")([x, layers.Dense(WIDTH)(x)])
    ends = [layers.Add()([x, layers.Dense(WIDTH)(x)]) for _ in range(7)]
    towers = lit_tf.plan(keras.Model(inputs, ends))
    assert towers.cuts == (shared._keras_history.operation.name, "trunk_2")
    assert "at least two tensors pass everywhere, such as 'out_0'" in plan.note
