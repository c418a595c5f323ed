"""Layers that a block alone runs on context are in the section of the block."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contextual import LENGTH, WIDTH, condition, examples, outputs_of

import lit_tf
from lit_tf.sections import block_costs, cost, initial_weights, kept_blocks

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


@pytest.mark.parametrize("sections", [1, 2])
def test_a_student_of_another_model_starts_with_its_teachers_modulations(
    sections,
):
    teacher, student = (
        lit_tf.split(model, lit_tf.plan(model, sections=sections))
        for model in (transformer(4), transformer(2))
    )
    initial_weights.copy_blocks(teacher, student)
    last = 3 if sections == 1 else 2
    for ours, theirs in ((0, 0), (1, last)):
        values = [
            next(
                section.get_layer(name).get_weights()
                for section in one.sections
                if names(section, name)
            )
            for one, name in (
                (student, f"modulation_{ours}"),
                (teacher, f"modulation_{theirs}"),
            )
        ]
        np.testing.assert_array_equal(values[0][0], values[1][0])


def test_a_layer_that_all_blocks_call_is_context():
    model = transformer(modulation=layers.Dense(6 * WIDTH, name="modulation"))
    teacher = lit_tf.split(model, lit_tf.plan(model, sections=2))
    assert "modulation" in names(teacher.stem, "modulation")
    np.testing.assert_array_equal(outputs_of(teacher), outputs_of(model))


def conditioned(own, inputs, blocks=4):
    """Returns a model of dense blocks that adds `own(j, inputs)` to block j."""
    x = steps = keras.Input((LENGTH, WIDTH), name="steps")
    x = layers.Dense(WIDTH, name="first")(x)
    for j in range(blocks):
        y = layers.Dense(WIDTH, activation="tanh", name=f"tanh_{j}")(x)
        more = own(j, inputs)
        x = layers.Add(name=f"block_{j}")([x, y if more is None else y + more])
    x = layers.Dense(2, name="logits")(layers.GlobalAveragePooling1D()(x))
    return keras.Model([steps, *inputs], x)


def test_towers_that_join_in_a_block_each_are_context():
    def tower(j, inputs):
        if j in (0, 3):
            x = layers.Dense(5, name=f"tower_{j}")(inputs[1 + j // 3])
            return layers.Dense(WIDTH, name=f"tower_{j}_end")(x)[:, None]
        return inputs[0]

    table = keras.Input((LENGTH, WIDTH), name="table")
    facts = [keras.Input((3,), name=f"facts_{j}") for j in (0, 3)]
    model = conditioned(tower, [table, *facts])
    cuts = ["first", *(f"block_{j}" for j in range(4))]
    teacher = lit_tf.split(model, cuts)
    assert len(names(teacher.stem, "tower")) == 4


def test_layers_of_other_widths_in_each_block_are_left_out_with_it():
    def own(j, inputs):
        x = layers.Dropout(0.1)(inputs[0])
        x = layers.Dense(3 + j, activation="relu", name=f"one_{j}")(x)
        x = layers.BatchNormalization(name=f"norm_{j}")(x)
        return layers.Dense(WIDTH, name=f"two_{j}")(x)[:, None]

    model = conditioned(own, [keras.Input((3,), name="condition")])
    plan = lit_tf.plan(model)
    assert [part.blocks for part in plan.parts[1:-1]] == [4]
    teacher = lit_tf.split(model, plan)
    assert len(teacher.stem.weights) == 2
    student = lit_tf.shrink(teacher, keep=1)
    kept = names(student.sections[0], "one") | names(student.stem, "one")
    assert kept == {"one_0"}


def test_blocks_that_read_texts_of_other_lengths_have_other_costs():
    def own(j, inputs):
        x = layers.Dense(WIDTH, name=f"value_{j}")(inputs[j % 2])
        return keras.ops.mean(x, 1, keepdims=True)

    texts = [keras.Input((size, 3), name=f"text_{size}") for size in (5, 9)]
    model = conditioned(own, texts)
    teacher = lit_tf.split(model, ["first", "block_3"])
    student = lit_tf.shrink(teacher, keep=1)
    chains = kept_blocks.find_blocks_of_sections(teacher)
    counted = block_costs.additive_cost(cost.flops)(teacher, chains)([1])
    assert counted == cost.flops(student)


def test_activations_can_be_computed_again_behind_a_raw_condition():
    model = condition()
    teacher = lit_tf.split(model, lit_tf.plan(model))
    trainer = lit_tf.LIT(teacher, lit_tf.shrink(teacher, keep=2))
    trainer.recompute = True
    trainer.compile("sgd")
    x = examples(teacher)
    assert trainer.fit(x, np.arange(4) % 3, verbose=0).history["loss"][0] > 0


def test_the_mask_of_a_text_is_no_padding_mask_of_the_representation():
    def own(j, inputs):
        text, mask = inputs
        x = layers.GRU(WIDTH, return_sequences=True, name=f"gru_{j}")(
            text, mask=mask
        )
        attention = layers.MultiHeadAttention(2, 2, name=f"attention_{j}")
        return attention(x, x, attention_mask=mask[:, None])

    text = keras.Input((LENGTH, 3), name="text")
    mask = keras.Input((LENGTH,), dtype="bool", name="mask")
    model = conditioned(own, [text, mask])
    assert lit_tf.split(model, lit_tf.plan(model)).padding_mask is None


def test_a_cut_inside_a_block_leaves_its_modulation_in_the_stem():
    model = transformer()
    teacher = lit_tf.split(model, ["first", "out_0", "attended_1", "out_3"])
    assert "modulation_1" in names(teacher.stem, "modulation")
    found = [names(section, "modulation") for section in teacher.sections]
    assert found == [{"modulation_0"}, set(), {"modulation_2", "modulation_3"}]
    np.testing.assert_array_equal(outputs_of(teacher), outputs_of(model))
