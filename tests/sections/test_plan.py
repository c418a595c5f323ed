"""Suggested cuts: those of the paper and of well-known networks."""

import keras
import numpy as np
import pytest
import slow
from home_made import recurrent

import lit_tf
from lit_tf import models
from lit_tf.sections import plan_text
from lit_tf.sections.functional import read_graph

# Blocks of each section that `plan` finds in models of `keras.applications`, as
# in docs/your_own_model.md.
APPLICATIONS = {
    "ResNet50": (3, 4, 6, 3),
    "ResNet101": (3, 4, 23, 3),
    "ResNet50V2": (2, 3, 5, 3),
    "ResNet101V2": (2, 3, 22, 3),
    "MobileNetV2": (2, 3, 4, 3, 3),
    "MobileNetV3Small": (2, 3, 2, 3),
    "MobileNetV3Large": (2, 3, 4, 2, 3),
    "EfficientNetB0": (2, 2, 3, 3, 4),
    "EfficientNetV2B0": (2, 2, 3, 5, 8),
    "ConvNeXtTiny": (3, 3, 9, 3),
    "Xception": (9,),
    "InceptionV3": (2, 4, 2),
    "VGG16": (2, 3, 3, 3),
    "DenseNet121": (),
    "NASNetMobile": (),
}

# Those of the default run. The others are variants of these, or like DenseNet
# without cuts.
TRIED = (
    *("ResNet50V2", "MobileNetV2", "EfficientNetB0", "ConvNeXtTiny"),
    *("Xception", "DenseNet121"),
)


def _blocks(plan):
    return tuple(p.blocks for p in plan.parts if p.name.startswith("section"))


@pytest.mark.parametrize("name", slow.all_but(TRIED, APPLICATIONS))
def test_plan_finds_the_blocks_of_known_networks(name, monkeypatch):
    # Random weights would take a third of the time.
    monkeypatch.setattr(
        keras.initializers.VarianceScaling,
        "__call__",
        lambda self, shape, dtype=None: np.zeros(shape, dtype or "float32"),
    )
    model = (
        getattr(keras.applications, name)(
            weights=None, input_shape=(96, 96, 3), classes=10
        )
        if name != "NASNetMobile"
        else keras.applications.NASNetMobile(weights=None)
    )
    assert _blocks(lit_tf.plan(model)) == APPLICATIONS[name]


@pytest.mark.parametrize(
    "name",
    slow.all_but(
        ["resnet20", "vdcnn17_conv", "stargan18"],
        ["resnet20", "resnext20", "vdcnn17", "vdcnn17_conv", "stargan18"],
    ),
)
def test_plan_finds_the_cuts_of_the_paper(build, name):
    model = build(name)
    plan = lit_tf.plan(model)
    graph = read_graph(model)
    shapes = [graph.tensors[graph.names.index(cut)].shape for cut in plan.cuts]
    assert shapes == [t.shape for t in model.representations]
    again = lit_tf.split(model, plan.cuts)
    # Each part has the same layers, except its input.
    for ours, theirs in zip(
        [again.stem, *again.sections, again.head],
        [model.stem, *model.sections, model.head],
        strict=True,
    ):
        layers = [x for x in ours.layers if x.weights]
        assert layers == [x for x in theirs.layers if x.weights]


def test_a_plan_says_why_no_block_can_be_left_out():
    x = inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(8, 3, padding="same")(x)
    for _ in range(4):  # Each block adds channels, as in a DenseNet.
        y = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(x)
        x = keras.layers.Concatenate()([x, y])
    x = keras.layers.GlobalAveragePooling2D()(x)
    plan = lit_tf.plan(keras.Model(inputs, keras.layers.Dense(2)(x)))
    assert plan.cuts == ()
    assert "becomes 8×8×12" in plan.note
    assert plan.note in str(plan)


def test_a_plan_is_printed_as_a_table():
    x = inputs = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(4, 3, padding="same", name="conv")(x)
    for name in ("one", "two"):
        y = keras.layers.Conv2D(4, 3, padding="same", name=name)(x)
        x = keras.layers.Add(name=f"{name}_add")([x, y])
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = keras.layers.Dense(2, name="dense")(x)
    plan = lit_tf.plan(keras.Model(inputs, x, name="small"))
    lines = str(plan).splitlines()
    assert lines[0] == "small, cut at conv, two_add"
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in lines]
    # 4 × 3 × 3 × 4 + 4 weights a convolution, 2 × 8 × 8 × 144 FLOPs.
    assert cells[5] == [
        "section 1",
        "two_add",
        "8×8×4",
        "2",
        "1",
        "296",
        "71%",
        "36,864",
        "73%",
    ]
    assert repr(plan) == str(plan)


def test_the_flops_of_an_unknown_shape_are_unknown():
    x = inputs = keras.Input((None, None, 3))
    for name in ("one", "two", "three"):
        x = keras.layers.Conv2D(4, 3, padding="same", name=name)(x)
    plan = lit_tf.plan(keras.Model(inputs, x))
    assert plan.cuts == ("one", "three")
    assert {part.flops for part in plan.parts} == {None}
    assert "?×?×4" in str(plan)


def test_the_parameters_of_the_parts_add_up_to_those_of_the_model():
    model = models.get("resnet14")(
        input_shape=(8, 8, 3), classes=3, mean=(0,) * 3, std=(1,) * 3
    )
    plan = lit_tf.plan(model)
    assert sum(part.parameters for part in plan.parts) == sum(
        np.prod(v.shape) for v in model.weights
    )


def test_the_table_names_the_operations_that_are_not_counted():
    plan = lit_tf.plan(recurrent())
    assert [part.uncounted for part in plan.parts] == [
        (),
        ("While (MatMul)",),
        (),
    ]
    assert str(plan).endswith(
        "\n\nFLOPs leave out these operations, which cannot be counted: "
        "While (MatMul)."
    )


def _scaled(*scales):
    """Returns a model of a section of two blocks for each scale."""
    x = inputs = keras.Input((3,))
    x = keras.layers.Dense(2 + len(scales), name="first")(x)
    for k, scale in enumerate(scales):
        x = keras.layers.Dense(2 + k, name=f"lead_{k}")(x)
        for j in range(2):
            x = keras.layers.Dense(
                2 + k,
                kernel_initializer="zeros",
                bias_initializer=keras.initializers.Constant(scale),
                name=f"block_{k}_{j}",
            )(x)
    return keras.Model(inputs, keras.layers.Dense(9)(x))


@pytest.mark.parametrize(
    ("scales", "words"),
    [
        ((2.0,), ""),
        ((4.0,), "is 16. Recommended: penalty="),
        ((1.0, 2.0), ""),
        ((0.1, 2.0), "is from 0.01 to 4. Recommended: penalty="),
        ((float("inf"),), ""),
    ],
)
def test_a_plan_recommends_a_normalized_penalty_for_large_states(scales, words):
    plan = lit_tf.plan(_scaled(*scales))
    assert len(plan.parts) == len(scales) + 2
    last = str(plan).splitlines()[-1]
    assert words in last and ("l2_normalized" in last) == bool(words)


def test_a_plan_of_a_large_model_computes_no_example(monkeypatch):
    monkeypatch.setattr(plan_text, "_PROBED", 1)
    assert "l2_normalized" not in str(lit_tf.plan(_scaled(4.0)))
