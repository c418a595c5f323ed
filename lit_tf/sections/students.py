"""The students that a model's blocks allow: their costs and their flags."""

import dataclasses
import math
from collections.abc import Iterator

from lit_tf.sections import cost
from lit_tf.sections.block_costs import (
    additive_cost,
    falling_choices,
    parameters_cost,
)
from lit_tf.sections.kept_blocks import find_blocks_of_sections
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.utils import text_format

_DIGITS = 6  # Of a compression, at most.


@dataclasses.dataclass(frozen=True)
class Student:
    """A teacher with some of its blocks, or with all of them.

    Args:
        keep: number of blocks that each section keeps.
        parameters: number of weights, moving statistics included.
        flops: 2 × multiply-adds per example; None if a shape is unknown.
        compression: a number that `shrink(compression=…)` turns into this
            student; None if there is none.
    """

    keep: tuple[int, ...]
    parameters: int
    flops: int | None
    compression: float | None = None


@dataclasses.dataclass(frozen=True)
class Students:
    """All students that a compression can choose. `print` shows a table.

    Args:
        model: name of the teacher.
        teacher: the teacher, with all blocks.
        students: the students; each has one block less than the one before.
    """

    model: str
    teacher: Student
    students: tuple[Student, ...]

    def __iter__(self) -> Iterator[Student]:
        return iter(self.students)

    def __len__(self) -> int:
        return len(self.students)

    def __str__(self) -> str:
        return _table(self)

    __repr__ = __str__


def students_of(teacher: SectionedModel) -> Students:
    """Returns all students that a compression can choose, largest first.

    Args:
        teacher: a model with sections.
    """
    chains = find_blocks_of_sections(teacher)
    shapes = [tensor.shape[1:] for tensor in teacher.inputs]
    known = not any(None in shape for shape in shapes)
    parameters = parameters_cost(teacher, chains)
    flops = None
    if known:
        flops = additive_cost(lambda part: cost.count_flops(part).flops)(
            teacher, chains
        )
    counts = tuple(chain.count for chain in chains)
    found = [
        Student(keep, parameters(keep), flops(keep) if flops else None)
        for keep in (counts, *falling_choices(counts))
    ]
    most = found[0].flops
    if most:
        reached = [most / student.flops for student in found]
        found[1:] = [
            dataclasses.replace(student, compression=_between(*bounds))
            for student, *bounds in zip(
                found[1:], reached, reached[1:], strict=False
            )
        ]
    return Students(teacher.name, found[0], tuple(found[1:]))


def _between(low, high):
    """Returns a short number in (low, high]; None if there is none."""
    for digits in range(_DIGITS + 1):
        number = math.floor(high * 10**digits) / 10**digits
        if number > low:
            return number
    return None


def _table(found):
    rows = [("", "or", "FLOPs", "less", "parameters", "less")]
    for student in (found.teacher, *found.students):
        keep = f"--keep={','.join(map(str, student.keep))}"
        compression = student.compression
        rows.append(
            (
                keep if student is not found.teacher else found.model,
                f"--compression={compression:g}" if compression else "",
                "?" if student.flops is None else f"{student.flops:,}",
                _factor(found.teacher.flops, student.flops),
                f"{student.parameters:,}",
                _factor(found.teacher.parameters, student.parameters),
            )
        )
    note = (
        "Both flags in a row make the same student. --keep is the number of "
        "blocks that each\nsection keeps; --compression divides the FLOPs."
    )
    if found.teacher.flops is None:
        note = (
            "--keep is the number of blocks that each section keeps. The FLOPs "
            "depend on the size\nof the input, which the model leaves open."
        )
    if not found.students:
        note = "Each section has one block, so that none can be left out."
    return f"{text_format.table(rows)}\n\n{note}"


def _factor(teacher, student):
    return f"{teacher / student:.2f}×" if teacher and student else ""
