"""Layers that a block alone runs on context are in the section of the block."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contextual import LENGTH, WIDTH, examples, outputs_of

import lit_tf
from lit_tf.sections import initial_weights

layers = keras.layers


def modulated(x, scale, shift):
    x = layers.LayerNormalization(center=False, scale=False)(x)
    return x * (1 + scale[:, None]) + shift[:, None]


def transformer(blocks=4, modulation=None):
    """Returns a diffusion transformer: each block has six scales of its own."""
    x = inputs = keras.Input((LENGTH, 3), name="patches")
    step = keras.Input((1,), name="step")
    condition = layers.Dense(5, activation="silu", name="step_1")(step)
    condition = layers.Dense(5, activation="silu", name="step_2")(condition)
    x = layers.Dense(WIDTH, name="first")(x)
    for j in range(blocks):
        own = modulation or layers.Dense(6 * WIDTH, name=f"modulation_{j}")
        parts = keras.ops.split(own(condition), 6, axis=-1)
        scale, shift, gate, *more = parts
        y = modulated(x, scale, shift)
        y = layers.MultiHeadAttention(2, 2, name=f"attention_{j}")(y, y)
        x = layers.Add(name=f"attended_{j}")([x, gate[:, None] * y])
        scale, shift, gate = more
        y = modulated(x, scale, shift)
        y = layers.Dense(8, activation="gelu", name=f"wide_{j}")(y)
        y = layers.Dense(WIDTH, name=f"narrow_{j}")(y)
        x = layers.Add(name=f"out_{j}")([x, gate[:, None] * y])
    last = layers.Dense(2 * WIDTH, name="last_modulation")(condition)
    x = modulated(x, *keras.ops.split(last, 2, axis=-1))
    x = layers.Dense(3, name="last")(x)
    return keras.Model([inputs, step], x)


def names(model, word):
    return {layer.name for layer in model.layers if word in layer.name}


@pytest.mark.parametrize("count", [1, 2, 4])
def test_each_section_has_the_modulations_of_its_blocks(count):
    model = transformer()
    teacher = lit_tf.split(model, lit_tf.plan(model, sections=count))
    share = 4 // count
    for k, section in enumerate(teacher.sections):
        numbers = range(share * k, share * (k + 1))
        expected = {f"modulation_{j}" for j in numbers}
        assert names(section, "modulation") == expected
    # What all blocks read, and what no block reads.
    assert {"step_1", "step_2", "last_modulation"} <= names(teacher.stem, "")
    np.testing.assert_array_equal(outputs_of(teacher), outputs_of(model))


@pytest.mark.parametrize("sections", [1, 2])
def test_a_student_has_no_modulation_of_a_block_that_is_left_out(sections):
    model = transformer()
    teacher = lit_tf.split(model, lit_tf.plan(model, sections=sections))
    keep = [2 // sections] * sections
    student = lit_tf.shrink(teacher, keep=keep, init="teacher_blocks")
    kept = {0, 3} if sections == 1 else {0, 2}
    found = set.union(*(names(one, "modulation") for one in student.sections))
    assert found == {f"modulation_{j}" for j in kept}
    for section in student.sections:
        for name in names(section, "modulation"):
            source = model.get_layer(name).get_weights()
            target = section.get_layer(name).get_weights()
            np.testing.assert_array_equal(source[0], target[0])
    with tf.GradientTape() as tape:
        loss = keras.ops.sum(student(examples(student), training=True))
    assert None not in tape.gradient(loss, student.trainable_variables)


def test_the_cost_of_a_student_counts_its_modulations():
    model = transformer()
    half = lit_tf.shrink(model, keep=2)
    compression = model.count_params() / half.count_params()
    for factor, blocks in ((compression, 2), (compression + 0.01, 1)):
        student = lit_tf.shrink(model, compression=factor, of="parameters")
        assert student.facts["blocks"] == [blocks]
    flops = [lit_tf.plan(one).parts for one in (model, half)]
    full, less = (sum(part.flops for part in parts) for parts in flops)
    for factor, blocks in ((full / less, 2), (full / less + 0.01, 1)):
        assert lit_tf.shrink(model, compression=factor).facts["blocks"] == [
            blocks
        ]


def test_a_student_of_another_model_starts_with_its_teachers_modulations():
    teacher, student = (
        lit_tf.split(model, lit_tf.plan(model))
        for model in (transformer(4), transformer(2))
    )
    initial_weights.copy_blocks(teacher, student)
    for ours, theirs in ((0, 0), (1, 3)):
        values = [
            one.sections[0].get_layer(f"modulation_{j}").get_weights()
            for one, j in ((student, ours), (teacher, theirs))
        ]
        np.testing.assert_array_equal(values[0][0], values[1][0])


def test_a_layer_that_all_blocks_call_is_context():
    model = transformer(modulation=layers.Dense(6 * WIDTH, name="modulation"))
    teacher = lit_tf.split(model, lit_tf.plan(model, sections=2))
    assert "modulation" in names(teacher.stem, "modulation")
    np.testing.assert_array_equal(outputs_of(teacher), outputs_of(model))


def test_a_tower_that_joins_in_one_block_is_context():
    x = inputs = keras.Input((LENGTH, WIDTH), name="steps")
    facts = keras.Input((3,), name="facts")
    tower = layers.Dense(5, activation="relu", name="tower_1")(facts)
    tower = layers.Dense(WIDTH, name="tower_2")(tower)[:, None]
    table = keras.Input((LENGTH, WIDTH), name="table")
    x = layers.Dense(WIDTH, name="first")(x)
    for j in range(3):
        y = layers.Dense(WIDTH, activation="tanh", name=f"dense_{j}")(x * table)
        x = layers.Add(name=f"add_{j}")([x, y + tower if j == 1 else y])
    model = keras.Model([inputs, facts, table], layers.Dense(2)(x))
    teacher = lit_tf.split(model, ["first", "add_0", "add_1", "add_2"])
    assert names(teacher.stem, "tower") == {"tower_1", "tower_2"}


def test_a_cut_inside_a_block_leaves_its_modulation_in_the_stem():
    model = transformer()
    teacher = lit_tf.split(model, ["first", "out_0", "attended_1", "out_3"])
    assert "modulation_1" in names(teacher.stem, "modulation")
    found = [names(section, "modulation") for section in teacher.sections]
    assert found == [{"modulation_0"}, set(), {"modulation_2", "modulation_3"}]
    np.testing.assert_array_equal(outputs_of(teacher), outputs_of(model))
