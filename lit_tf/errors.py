"""The ways a request is refused; each knows the exit code of a command."""

import difflib
from collections.abc import Iterable
from typing import Any


class SettingsError(ValueError):
    """A flag or an argument that cannot be, or settings that do not agree."""

    exit_code = 2


class DataError(ValueError):
    """Data, weights or a run folder that are missing, damaged or in use."""

    exit_code = 1


class NonFiniteLossError(ArithmeticError):
    """A loss became infinite or not a number while training."""

    exit_code = 1


ALL = (SettingsError, DataError, NonFiniteLossError)


def require(condition: bool, wanted: str, **received: Any) -> None:
    """Raises `SettingsError`, what is wanted and what came, unless it holds."""
    if not condition:
        values = ", ".join(f"{k}={v!r}" for k, v in received.items())
        raise SettingsError(f"{wanted} Received: {values}.")


def line(error: Exception) -> str:
    """Returns what an error says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Returns the sentence for a name that is not in a table."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0)
    hint = f" The nearest is {near[0]}." if near else ""
    return f"Unknown {kind} {name!r}. Known: {', '.join(known)}.{hint}"
