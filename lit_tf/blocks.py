"""The blocks that a section repeats, and a student that starts from some."""

import re

import keras

from lit_tf import errors, sectioned

Block = list[keras.layers.Layer]
_BLOCK = re.compile(r"block_(\d+)_")


def of(section: keras.Model) -> list[Block]:
    """Returns a section's blocks in order, each the layers that have weights.

    A layer is of block j where its name begins with `block_j_`.
    """
    found: dict[int, Block] = {}
    for layer in section.layers:
        match = _BLOCK.match(layer.name)
        if match and layer.weights:
            found.setdefault(int(match.group(1)), []).append(layer)
    return [found[j] for j in sorted(found)]


def chosen(ours: int, theirs: int) -> list[int]:
    """Returns which of a teacher's blocks the student's start from.

    Spread evenly, the first and the last among them: block j of n is block
    round(j·(N − 1)/(n − 1)) of N, counted from 0.

    Args:
        ours: n, the student's blocks.
        theirs: N, the teacher's.
    """
    return [round(j * (theirs - 1) / max(1, ours - 1)) for j in range(ours)]


def copy(
    teacher: sectioned.SectionedModel, student: sectioned.SectionedModel
) -> None:
    """Copies weights of evenly spaced teacher blocks to a student's blocks.

    Args:
        teacher: K sections.
        student: K sections, in which the same layers make a block.

    Raises:
        SettingsError: a section has no blocks, or they are not alike.
    """
    for theirs, ours in check_alike(teacher, student):
        for source, target in zip(theirs, ours, strict=True):
            target.set_weights(source.get_weights())


def check_alike(
    teacher: sectioned.SectionedModel, student: sectioned.SectionedModel
) -> list[tuple[Block, Block]]:
    """Returns each student block, after the teacher block it starts from.

    Raises:
        SettingsError: a section has no blocks, or they are not alike.
    """
    pairs = []
    sections = zip(teacher.sections, student.sections, strict=True)
    for k, (theirs, ours) in enumerate(sections, 1):
        given, wanted = of(theirs), of(ours)
        if not given or not wanted:
            raise errors.SettingsError(
                "To start from the teacher's blocks a student needs layers "
                f"named block_1_… in each section. Received: section {k} of "
                f"{(student if given else teacher).name} without."
            )
        numbers = chosen(len(wanted), len(given))
        for j, number in enumerate(numbers):
            pair = given[number], wanted[j]
            if _shapes(pair[0]) != _shapes(pair[1]):
                raise errors.SettingsError(
                    f"Block {j + 1} of section {k} must have weights of the "
                    f"shapes of the teacher's block {number + 1}. Received: "
                    f"teacher {_shapes(pair[0])}, student {_shapes(pair[1])}."
                )
            pairs.append(pair)
    return pairs


def _shapes(block):
    return [tuple(v.shape) for layer in block for v in layer.weights]
