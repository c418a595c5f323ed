"""Declares settings: default, help text, choices and check in one place."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

from lit_tf import errors
from lit_tf.config.choices import check_one_of

# The default of a setting that the user must give.
REQUIRED = dataclasses.MISSING


@dataclasses.dataclass(frozen=True)
class Check:
    """A condition that one value must meet.

    Args:
        text: the condition in words; it completes "`name` must be …".
        holds: whether a value meets the condition. NaN must not.
    """

    text: str
    holds: Callable[[Any], bool]


AT_LEAST_0 = Check("≥ 0", lambda value: value >= 0)
AT_LEAST_1 = Check("≥ 1", lambda value: value >= 1)
FINITE = Check("≥ 0 and finite", lambda value: 0 <= value < math.inf)
POSITIVE = Check("positive and finite", lambda value: 0 < value < math.inf)
UNIT = Check("in [0, 1]", lambda value: 0 <= value <= 1)
HALF = Check("in [0, 0.5]", lambda value: 0 <= value <= 0.5)
BELOW_1 = Check("in [0, 1)", lambda value: 0 <= value < 1)
SEED = Check("in [0, 2³¹)", lambda value: 0 <= value < 2**31)


def setting(
    default: Any,
    help: str,
    *,
    choices: Sequence[str] | Callable[[], Sequence[str]] = (),
    check: Check | None = None,
    common: bool = False,
    flag: str = "",
) -> Any:
    """Returns a dataclass field that is also a flag.

    Args:
        default: the value when the user gives none; `REQUIRED` for a setting
            without a default.
        help: the help text of the flag. In a `Phase`, "{phase}" stands for
            the phase's name.
        choices: the values that a string may have, or a function that returns
            them; any when empty.
        check: the condition that a number must meet, if any.
        common: whether `--help` shows the flag, as one that most runs need.
            `--helpfull` shows all flags.
        flag: the name of the flag; the field's name when empty.
    """
    metadata = {
        "help": help,
        "choices": choices,
        "check": check,
        "common": common,
        "flag": flag,
    }
    return dataclasses.field(default=default, metadata=metadata)


def flag_name(field: dataclasses.Field) -> str:
    """Returns the name of a field's flag."""
    return field.metadata.get("flag") or field.name


def choices_of(field: dataclasses.Field) -> tuple[str, ...]:
    """Returns the values that a field may have; () for any."""
    choices = field.metadata.get("choices", ())
    return tuple(choices() if callable(choices) else choices)


class Group:
    """Base class of the groups of settings: checks each setting on its own.

    A subclass that also checks settings against each other extends
    `__post_init__`.
    """

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            received = {flag_name(field): value}
            known = choices_of(field)
            if known:
                check_one_of(known, **received)
            check = field.metadata.get("check")
            if check:
                errors.require(
                    check.holds(value),
                    f"`{flag_name(field)}` must be {check.text}.",
                    **received,
                )
