"""Measures: what the runs of a report are compared by, and its format."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measure:
    """A measure of a student's quality; higher is better.

    Args:
        name: "accuracy" or "cosine"; `test_NAME` and `validation_NAME` are its
            keys in the report of a run.
        plural: the name of several.
        one: the name with its article.
        scale: the factor from a value to the number that is shown.
        digits: number of decimals.
        unit: the unit of a value, such as "%".
        gap: the unit of a difference, such as "points".
        unknown: what is said of a teacher without it.
    """

    name: str
    plural: str
    one: str
    scale: float
    digits: int
    unit: str = ""
    gap: str = ""
    unknown: str = "not evaluated"

    def shown(self, value: float) -> str:
        """Returns a value with its unit."""
        return f"{self.scale * value:.{self.digits}f}{self.unit}"

    def difference(self, value: float) -> str:
        """Returns a difference with its sign, without the unit."""
        return f"{self.scale * value:+.{self.digits}f}"

    def headed(self, word: str, unit: str) -> str:
        """Returns a heading with a unit, if there is one."""
        return f"{word}, {unit}" if unit else word


ACCURACY = Measure(
    name="accuracy",
    plural="accuracies",
    one="an accuracy",
    scale=100,
    digits=2,
    unit="%",
    gap="points",
)
# Of a student's vector and its teacher's, without labels.
COSINE = Measure(
    name="cosine",
    plural="cosines",
    one="a cosine",
    scale=1,
    digits=4,
    unknown="its vectors are the reference",
)


def of(student: Mapping[str, Any]) -> Measure:
    """Returns the measure of a student, as its run reports it."""
    known = student[student["exported"]]
    return COSINE if f"validation_{COSINE.name}" in known else ACCURACY
