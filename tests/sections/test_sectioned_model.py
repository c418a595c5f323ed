"""SectionedModel: compatible pairs, saving and loading, dtype policies."""

import keras
import numpy as np
import pytest
from dense_parts import assert_same_outputs, dense

from lit_tf import errors, layers
from lit_tf.sections import (
    compatibility,
    copying,
    initial_weights,
)
from lit_tf.sections.sectioned_model import SectionedModel


def test_models_of_one_width_and_any_depth_are_compatible(build):
    compatibility.check_alike(build("resnet14"), build("resnet8"))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"inputs": 5}, r"The input must.*teacher \(4,\), student \(5,\)"),
        (
            {"stem": 7, "sections": ((7, 6), (6, 6))},
            r"after the stem must.*teacher \(6,\), student \(7,\)",
        ),
        (
            {"sections": ((6, 6), (6, 1))},
            r"after section 2 must.*teacher \(6,\), student \(1,\)",
        ),
        ({"classes": 1}, r"The output must.*teacher \(3,\), student \(1,\)"),
        (
            {"sections": ((6, 6),)},
            "same number of sections.*teacher 2, student 1",
        ),
    ],
)
def test_an_error_names_what_differs_with_both_shapes(other, message):
    with pytest.raises(errors.SettingsError, match=message):
        compatibility.check_alike(dense(), dense(**other))


@pytest.mark.parametrize("place", ["stem", "head"])
def test_a_stem_or_head_with_other_weights_raises_an_error(place):
    teacher, student = dense(), dense()
    x = keras.Input(getattr(student, place).input_shape[1:])
    y = keras.layers.Dense(getattr(student, place).output_shape[-1])
    deeper = keras.Model(x, y(keras.layers.Dense(9)(x)), name=place)
    parts = {"stem": student.stem, "head": student.head, place: deeper}
    student = SectionedModel(sections=student.sections, **parts)
    with pytest.raises(errors.SettingsError, match=rf"student's {place}.*9\)"):
        compatibility.check_alike(teacher, student)


def test_a_stem_with_another_normalization_raises_an_error(build):
    # Copied weights would not make the outputs equal.
    with pytest.raises(errors.SettingsError, match="stem"):
        compatibility.check_alike(build(), build(mean=(0.0, 0.0, 0.0)))


def test_copying_the_ends_does_not_change_the_sections(build, batch):
    teacher, student = build(seed=1), build(seed=2)
    sections = [section.get_weights() for section in student.sections]
    initial_weights.copy_ends(teacher, student)
    images, _ = batch(2)
    assert_same_outputs(teacher.stem, student.stem, images)
    inner = np.ones((2, *student.head.input_shape[1:]), "float32")
    assert_same_outputs(teacher.head, student.head, inner)
    for section, before in zip(student.sections, sections, strict=True):
        for value, old in zip(section.get_weights(), before, strict=True):
            np.testing.assert_array_equal(value, old)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_policy_applies_to_all_layers_without_a_fixed_dtype(build, policy):
    model = copying.copy_model(build(), policy=policy)
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, layers.Normalize | layers.Float32):
            assert layer.compute_dtype == "float32"
        elif layer.weights and not isinstance(layer, keras.Model):
            assert layer.dtype_policy.name == policy
    assert {v.dtype for v in model.variables} == {"float32"}


def test_a_copy_under_another_policy_has_its_own_weights(build):
    model = build()
    copy = copying.copy_model(model, policy="mixed_bfloat16")
    before = model.get_weights()
    for variable in copy.variables:
        variable.assign(variable + 1)
    for value, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, old)


def test_a_model_copies_its_facts():
    facts = {"epochs": 3}
    model = dense()
    model = SectionedModel(model.stem, model.sections, model.head, facts=facts)
    facts["epochs"] = 4
    assert model.facts == {"epochs": 3}
    assert model.depth is None
