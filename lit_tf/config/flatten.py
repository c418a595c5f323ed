"""A config as flat settings, by the names of their flags; and back."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from lit_tf import config, errors


def flatten(settings: Any) -> dict[str, Any]:
    """Returns the settings of a config by flag name."""
    values = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, config.Phase):
            inner = flatten(value).items()
            values |= {f"{field.name}_{name}": item for name, item in inner}
        elif dataclasses.is_dataclass(value):
            values |= flatten(value)
        else:
            values[field.name] = value
    return values


def build(kind: type, values: Mapping[str, Any]) -> Any:
    """Builds a config of the given kind from settings by flag name.

    The inverse of `flatten`: `build(Compress, flatten(c)) == c`.

    Args:
        kind: of config, with a default for every setting.
        values: a value for every setting; others are ignored.

    Raises:
        SettingsError: a setting is not one that can be.
    """
    arguments = {}
    for field in dataclasses.fields(kind):
        default = field.default
        if isinstance(default, config.Phase):
            inner = {
                f.name: values[f"{field.name}_{f.name}"]
                for f in dataclasses.fields(config.Phase)
            }
            arguments[field.name] = _build_phase(field.name, inner)
        elif dataclasses.is_dataclass(default):
            arguments[field.name] = build(type(default), values)
        else:
            value = values[field.name]
            # Flags and JSON have lists; a setting that cannot change has none.
            value = tuple(value) if isinstance(value, list) else value
            if field.type == tuple[int, ...]:
                value = _whole(field.name, value)
            arguments[field.name] = value
    return kind(**arguments)


def _whole(name, values):
    try:
        return tuple(map(int, values))
    except ValueError:
        raise errors.SettingsError(
            f"`{name}` must be whole numbers. Received: {','.join(values)}."
        ) from None


def _build_phase(name, settings):
    try:
        milestones = tuple(map(int, settings["milestones"]))
        return config.Phase(**settings | {"milestones": milestones})
    except errors.SettingsError as error:
        # The phase does not know its name; its flags carry it.
        message = re.sub("^`|Received: ", rf"\g<0>{name}_", str(error))
        raise errors.SettingsError(message) from None
    except ValueError:
        raise errors.SettingsError(
            f"`{name}_milestones` must be whole numbers of epochs. "
            f"Received: {settings['milestones']!r}."
        ) from None


def identity(settings: Any) -> dict[str, Any]:
    """Returns the settings that make a run what it is: all but the session."""
    session = {field.name for field in dataclasses.fields(config.Session)}
    return {k: v for k, v in flatten(settings).items() if k not in session}


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Returns in words which settings are not the same; "" where all are."""
    return "; ".join(
        f"--{name} was {before.get(name)!r}, now {now.get(name)!r}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    )


def to_flag(name: str, value: Any) -> str:
    """Returns a setting as it is written on a command line."""
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no{name}"
    if isinstance(value, tuple | list):
        value = ",".join(map(str, value))
    return f"--{name}={value}"
