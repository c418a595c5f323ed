"""Blocks of a network, and students that start from their weights."""

import re

import keras
import numpy as np
import pytest
import slow

from lit_tf import errors
from lit_tf.sections import block_search, chain, initial_weights


def assert_same_weights(one, other):
    for value, copied in zip(
        one.get_weights(), other.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(value, copied)


@pytest.mark.parametrize(
    ("ours", "theirs", "chosen"),
    [
        (3, 9, [0, 4, 8]),
        (3, 18, [0, 8, 17]),
        (5, 18, [0, 4, 8, 13, 17]),
        (1, 4, [0]),
        (2, 2, [0, 1]),
    ],
)
def test_blocks_are_spread_evenly_from_the_first_to_the_last(
    ours, theirs, chosen
):
    assert chain.evenly_spaced(ours, theirs) == chosen


@pytest.mark.parametrize(
    ("deep", "shallow", "sources"),
    [
        ("resnet26", "resnet14", {1: 1, 2: 4}),
        pytest.param(
            *("resnext26", "resnext14", {1: 1, 2: 4}), marks=pytest.mark.slow
        ),
        ("stargan14", "stargan10", {1: 1, 2: 4}),
    ],
)
def test_a_students_block_gets_the_weights_of_its_teachers_block(
    build, deep, shallow, sources
):
    teacher, student = build(deep, seed=1), build(shallow, seed=2)
    ends = student.stem.get_weights() + student.head.get_weights()
    initial_weights.copy_blocks(teacher, student)
    for theirs, ours in zip(teacher.sections, student.sections, strict=True):
        for layer in ours.layers:
            found = re.match(r"block_(\d+)_(.*)", layer.name)
            if found and int(found[1]) in sources:
                name = f"block_{sources[int(found[1])]}_{found[2]}"
                assert_same_weights(theirs.get_layer(name), layer)
    after = student.stem.get_weights() + student.head.get_weights()
    for value, same_value in zip(ends, after, strict=True):
        np.testing.assert_array_equal(value, same_value)


@pytest.mark.parametrize(
    "policy",
    slow.all_but(["mixed_bfloat16"], ["mixed_bfloat16", "mixed_float16"]),
)
@pytest.mark.parametrize("name", ["resnet26", "vdcnn17", "stargan14"])
def test_a_policy_does_not_change_the_blocks(build, name, policy):
    def names(model):
        chains = map(block_search.find_blocks, model.sections)
        return [
            [
                [layer.name for layer in chain.layers_of(block.calls)]
                for block in found.blocks
            ]
            for found in chains
        ]

    expected = names(build(name))
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        assert names(build(name)) == expected
    finally:
        keras.config.set_dtype_policy(before)


def test_in_a_network_without_shortcuts_each_convolution_is_a_block(build):
    teacher, student = build("vdcnn17", seed=1), build("vdcnn9", seed=2)
    initial_weights.copy_blocks(teacher, student)
    for theirs, ours in zip(teacher.sections, student.sections, strict=True):
        # Four convolutions, two in each block of the paper; the first and the
        # last are chosen.
        for name, source in (
            ("conv_1", "block_1_conv_1"),
            ("conv_2", "block_2_conv_2"),
        ):
            assert_same_weights(
                theirs.get_layer(source), ours.get_layer(f"block_1_{name}")
            )


def test_every_weight_of_a_section_is_in_a_block(build):
    for name in ("resnet14", "resnext14", "vdcnn17", "stargan10"):
        for section in build(name).sections:
            found = block_search.find_blocks(section)
            layers = [
                layer
                for block in (*found.fixed, *found.blocks)
                for layer in chain.layers_of(block.calls)
            ]
            assert sum(len(layer.weights) for layer in layers) == len(
                section.weights
            )


def test_an_error_names_the_block_whose_weights_have_other_shapes(build):
    with pytest.raises(errors.SettingsError, match="for block 1 of section 1"):
        initial_weights.check_blocks(build("resnext14"), build("resnet14"))


def _residual(x, width, name, activate=True):
    y = keras.layers.Conv2D(width, 3, padding="same", name=f"{name}_conv")(x)
    y = keras.layers.Add(name=f"{name}_add")([x, y])
    return keras.layers.ReLU(name=f"{name}_relu")(y) if activate else y


def _plain_early(x, name):
    """Adds BatchNorm and ReLU before a convolution."""
    x = keras.layers.BatchNormalization(name=f"{name}_norm")(x)
    x = keras.layers.ReLU(name=f"{name}_relu")(x)
    return keras.layers.Conv2D(4, 3, padding="same", name=f"{name}_conv")(x)


def _attentive(x, name):
    """Adds attention and an MLP, each with a shortcut."""
    y = keras.layers.LayerNormalization(name=f"{name}_norm_1")(x)
    y = keras.layers.MultiHeadAttention(2, 4, name=f"{name}_attention")(y, y)
    x = keras.layers.Add(name=f"{name}_add_1")([x, y])
    y = keras.layers.LayerNormalization(name=f"{name}_norm_2")(x)
    y = keras.layers.Dense(8, activation="relu", name=f"{name}_mlp_1")(y)
    y = keras.layers.Dense(4, name=f"{name}_mlp_2")(y)
    return keras.layers.Add(name=f"{name}_add_2")([x, y])


def _gated(x, name):
    """Adds a depthwise convolution and a gate, which do not repeat."""
    x = keras.layers.DepthwiseConv2D(3, padding="same", name=f"{name}_deep")(x)
    y = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    y = keras.layers.Dense(4, activation="sigmoid", name=f"{name}_gate")(y)
    return keras.layers.Multiply(name=f"{name}_product")([x, y])


def _block_ends(model):
    """Returns the last layers of the blocks that can be left out."""
    chain = block_search.find_blocks(model)
    return [chain.graph.names[block.end] for block in chain.blocks]


@pytest.mark.parametrize(
    ("shape", "layers", "ends"),
    [
        (
            (8, 8, 4),
            [lambda x, n: _residual(x, 4, n)] * 3,
            ["b0_relu", "b1_relu", "b2_relu"],
        ),
        (
            (8, 8, 4),
            [lambda x, n: _residual(x, 4, n, activate=False)] * 2
            + [lambda x, n: keras.layers.ReLU(name=n)(x)],
            ["b0_add", "b1_add"],
        ),
        ((8, 8, 4), [_plain_early] * 3, ["b0_conv", "b1_conv", "b2_conv"]),
        ((6, 4), [_attentive] * 2, ["b0_add_2", "b1_add_2"]),
        ((8, 8, 4), [_gated], []),
        ((8, 8, 4), [_plain_early], []),
        (
            (8, 8, 4),
            [lambda x, n: _residual(x, 4, n), _gated]
            + [lambda x, n: _residual(x, 4, n)] * 2,
            # The activation after a single block may not belong to it.
            ["b0_add", "b2_relu", "b3_relu"],
        ),
    ],
    ids=[
        "activation_last",
        "one_activation_at_the_end",
        "activation_first",
        "attention",
        "a_gate",
        "a_lone_layer",
        "a_gate_between",
    ],
)
def test_repeated_layers_are_a_block(shape, layers, ends):
    x = inputs = keras.Input(shape)
    for i, add in enumerate(layers):
        x = add(x, f"b{i}")
    assert _block_ends(keras.Model(inputs, x)) == ends


def test_the_first_and_the_last_block_of_a_row_are_kept(build):
    chain = block_search.find_blocks(build("resnet26").sections[0])
    assert (chain.count, len(chain.blocks)) == (4, 4)
    assert chain.kept(2) == [0, 3]
    # A block of another width that leads to the row is its first block.
    chain = block_search.find_blocks(build("resnet26").sections[1])
    assert (chain.count, len(chain.blocks)) == (4, 3)
    assert chain.kept(2) == [2]
    assert chain.kept(1) == []
