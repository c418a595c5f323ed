"""Checks flag files before absl reads them."""

import pathlib
from collections.abc import Iterator, Sequence

from lit_tf import errors

_LARGEST = 2**20  # Bytes of one file.
_MOST = 100  # Files, counted again where they are named again.


def check(arguments: Sequence[str]) -> None:
    """Checks every flag file that arguments name, and those that it names.

    Args:
        arguments: the command line without the command.

    Raises:
        SettingsError: if a flag file cannot be read or is no text file.
    """
    waiting = [(name, ()) for name in _names(arguments)]
    for count in range(_MOST + 1):
        if not waiting:
            return
        if count == _MOST:
            break
        name, parents = waiting.pop()
        if name not in parents:  # absl ignores a circle.
            lines = _read(name)
            waiting += [(inner, (*parents, name)) for inner in _names(lines)]
    raise errors.SettingsError(
        f"Flag files may name at most {_MOST} others in all. Received: more."
    )


def _read(name):
    """Returns the lines of a flag file."""
    try:
        with pathlib.Path(name).expanduser().open("rb") as file:
            content = file.read(_LARGEST + 1)
        text = content.decode()
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", "") or "it is not valid UTF-8"
        raise errors.SettingsError(
            f"--flagfile={name} must be a text file with one flag per line "
            f"({reason})."
        ) from None
    if len(content) > _LARGEST or "\0" in text:
        raise errors.SettingsError(
            f"--flagfile={name} must be a text file with one flag per line, of "
            "at most 1 MB. Received: a larger or a binary file."
        )
    return text.splitlines()


def _names(arguments) -> Iterator[str]:
    """Yields the flag files that arguments or lines of a file name."""
    for i, argument in enumerate(arguments):
        flag, equals, value = argument.partition("=")
        if flag in ("--flagfile", "-flagfile"):
            following = "".join(arguments[i + 1 : i + 2])
            name = value if equals else following
            if name.strip():
                yield name.strip()
