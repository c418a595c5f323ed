"""Copies of the teacher's weights with which a student starts."""

import itertools

import keras

from lit_tf import errors
from lit_tf.sections import copying
from lit_tf.sections.chain import layers_of
from lit_tf.sections.kept_blocks import find_blocks_of_sections, without
from lit_tf.sections.sectioned_model import SectionedModel


def copy_ends(teacher: SectionedModel, student: SectionedModel) -> None:
    """Copies the state of the teacher's stem and head to the student."""
    copying.copy_state(teacher.stem, student.stem)
    copying.copy_state(teacher.head, student.head)


def copy_blocks(teacher: SectionedModel, student: SectionedModel) -> None:
    """Copies the weights of blocks of the teacher to blocks of the student.

    The teacher's blocks are evenly spaced (`chain.evenly_spaced`). For a
    student from `shrink` they are the blocks that it kept.

    Raises:
        SettingsError: if the blocks differ in the shapes of their weights.
    """
    for sources, targets in check_blocks(teacher, student):
        for source, target in zip(sources, targets, strict=True):
            copying.copy_state(source, target)


def check_blocks(
    teacher: SectionedModel, student: SectionedModel
) -> list[tuple[list[keras.layers.Layer], list[keras.layers.Layer]]]:
    """Returns pairs of blocks: layers of the teacher, layers of the student.

    Raises:
        SettingsError: if the weights of two blocks differ in shape.
    """
    if "blocks" in student.facts:
        sections = _kept(teacher, student)
    else:
        sections = itertools.starmap(
            _by_place,
            zip(*map(find_blocks_of_sections, (teacher, student)), strict=True),
        )
    matches = []
    for k, pairs in enumerate(sections, 1):
        for j, (sources, targets) in enumerate(pairs, 1):
            shapes = [
                [tuple(v.shape) for layer in layers for v in layer.weights]
                for layers in (sources, targets)
            ]
            if shapes[0] != shapes[1]:
                raise errors.SettingsError(
                    "A student that starts from its teacher's blocks must have "
                    "blocks with weights of the same shapes. Received: for "
                    f"block {j} of section {k} {shapes[0]} of {teacher.name} "
                    f"and {shapes[1]} of {student.name}."
                )
            matches.append((sources, targets))
    return matches


def _kept(teacher, student):
    """Returns pairs for each section of a student from `shrink`."""
    chains = find_blocks_of_sections(teacher)
    shared = without(teacher, chains, student.facts["blocks"])
    return [
        [([source], [target]) for source, target in zip(*pair, strict=True)]
        for pair in zip(
            map(_weighted, shared.sections),
            map(_weighted, student.sections),
            strict=True,
        )
    ]


def _weighted(section):
    return [layer for layer in section.layers if layer.weights]


def _by_place(teacher, student):
    """Yields what always stays, then each block with one of the teacher's."""
    rest = [layers_of(chain.rest) for chain in (teacher, student)]
    if any(rest):
        yield rest
    numbers = teacher.kept(student.count)
    for i, block in enumerate(student.blocks):
        sources = []
        if i < len(numbers):
            sources = teacher.calls_of(teacher.blocks[numbers[i]])
        yield layers_of(sources), layers_of(student.calls_of(block))
