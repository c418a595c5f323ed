"""A student that starts from some of its teacher's blocks."""

import numpy as np
import pytest

from lit_tf import blocks, errors


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
    assert blocks.chosen(ours, theirs) == chosen


@pytest.mark.parametrize(
    ("deep", "shallow"),
    [
        ("resnet26", "resnet14"),
        ("resnext26", "resnext14"),
        ("vdcnn29", "vdcnn17"),
        ("stargan14", "stargan10"),
    ],
)
def test_a_students_block_has_the_weights_of_the_one_it_starts_from(
    build, deep, shallow
):
    teacher, student = build(deep, seed=1), build(shallow, seed=2)
    ends = student.stem.get_weights() + student.head.get_weights()
    blocks.copy(teacher, student)
    for theirs, ours in zip(teacher.sections, student.sections, strict=True):
        given, wanted = blocks.of(theirs), blocks.of(ours)
        first = 0
        for j, number in enumerate(blocks.chosen(len(wanted), len(given))):
            assert number >= first
            first = number
            for layer, copied in zip(given[number], wanted[j], strict=True):
                for value, ours in zip(
                    layer.get_weights(), copied.get_weights(), strict=True
                ):
                    np.testing.assert_array_equal(value, ours)
    after = student.stem.get_weights() + student.head.get_weights()
    for value, same in zip(ends, after, strict=True):
        np.testing.assert_array_equal(value, same)


def test_every_weight_of_a_section_is_in_a_block(build):
    for name in ("resnet14", "resnext14", "vdcnn17", "stargan10"):
        for section in build(name).sections:
            layers = [layer for block in blocks.of(section) for layer in block]
            assert sum(len(layer.weights) for layer in layers) == len(
                section.weights
            )


def test_blocks_that_are_not_alike_are_refused_by_their_place(build):
    with pytest.raises(errors.SettingsError, match="Block 1 of section 1"):
        blocks.check_alike(build("resnext14"), build("resnet14"))


def test_a_section_without_blocks_is_refused(dense):
    with pytest.raises(errors.SettingsError) as refusal:
        blocks.check_alike(dense(1), dense(2))
    assert "needs layers named block_1_… in each section" in str(refusal.value)
    assert "section 1" in str(refusal.value)
