"""Exceptions and their exit codes."""

import difflib
import re
from collections.abc import Iterable
from typing import Any

_LONGEST = 600  # Characters of the message of another library.
# What TensorFlow adds for its developers: colors, the node and its operation.
_ADDED = re.compile(
    r"\x1b\[[0-9;]*m|\{\{function_node [^}]*\}\}|\[Op:\w+\]( name:)?"
)


class SettingsError(ValueError):
    """A setting has a value that is not allowed, or contradicts another."""

    exit_code = 2


class DataError(ValueError):
    """Data, weights or a run folder are missing, damaged or in use."""

    exit_code = 1


class NonFiniteLossError(ArithmeticError):
    """A loss became infinite or NaN during training."""

    exit_code = 1


ALL = (SettingsError, DataError, NonFiniteLossError)


def require(condition: bool, message: str, **received: Any) -> None:
    """Raises `SettingsError` unless a condition holds.

    Args:
        condition: the condition.
        message: a sentence that says what is required.
        **received: the values to add to the message, by name.

    Raises:
        SettingsError: if the condition does not hold.
    """
    if not condition:
        values = ", ".join(f"{k}={v!r}" for k, v in received.items())
        raise SettingsError(f"{message} Received: {values}.")


def line(error: Exception) -> str:
    """Returns an error's message on one line, or its type when it has none.

    A message may quote any bytes of a file: it is cut in the middle, and
    characters that a terminal would obey are replaced.
    """
    text = " ".join(_ADDED.sub(" ", str(error)).split())
    text = text or type(error).__name__
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"
    return "".join(c if c.isprintable() else "?" for c in text)


def cause(error: Exception) -> str:
    """Returns the cause that an error names, on one line (see `line`).

    Keras writes the whole configuration of a layer before the cause.
    """
    return line(error).rpartition("Exception encountered: ")[2]


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Returns the message for a name that is not in a table.

    Args:
        kind: the kind of thing that the name stands for, such as "model".
        name: the unknown name.
        known: the names in the table.
    """
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0)
    hint = f" The nearest is {near[0]}." if near else ""
    return f"Unknown {kind} {name!r}. Known: {', '.join(known)}.{hint}"
