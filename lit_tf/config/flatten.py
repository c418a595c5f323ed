"""Settings by flag name: flat dictionaries, and the list of all settings."""

import dataclasses
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lit_tf import config, errors
from lit_tf.config import setting

# Settings that an earlier version wrote under another name: the new name, and
# the function that turns the old value into the new one and back.
RENAMED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "no_fine_tune": ("fine_tune", operator.not_),
}

# Settings that version 0.1 did not have, and the value that it used.
ADDED = {
    "image_width": 0,
    "image_channels": 3,
    "inputs": [],
    "preprocessor": "",
    "sequence_length": 0,
    "length_buckets": 0,
    "sections": 0,
    "decoding": "auto",
    "epochs": 0,
    "budget": "",
    "fresh_batch_norm": False,
    "fast_layers": False,
    "recompute": False,
    "resized_crop": 0.0,
    "color_jitter": 0.0,
    "hue": 0.0,
    "rand_augment": 0.0,
    "rand_augment_operations": 2,
    "mixup": 0.0,
    "cutmix": 0.0,
} | {
    f"{phase}_{name}": value
    for phase in ("teach", "lit", "fine_tune")
    for name, value in {
        "warmup": 0.0,
        "cosine_decay": 0.0,
        "warmup_steps": 0,
        "exponential_decay": 0.0,
        "clip_norm": 0.0,
        "ema": 0.0,
        "label_smoothing": 0.0,
        "microbatches": 1,
    }.items()
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """A setting as a flag.

    Args:
        name: the name of the flag.
        type: the type of the value.
        default: the default; `setting.REQUIRED` when there is none.
        help: the help text.
        choices: the values that are allowed; () when any is, or when they
            are not fixed until the config is built.
        common: whether most runs need it, so that `--help` shows it.
        group: the dataclass that declares the setting, or "phase NAME".
    """

    name: str
    type: Any
    default: Any
    help: str
    choices: tuple[str, ...]
    common: bool
    group: type | str


def settings_of(kind: type) -> Iterator[Setting]:
    """Yields the settings of a config, and of the groups in it.

    Args:
        kind: a dataclass of settings.
    """
    for field in dataclasses.fields(kind):
        if isinstance(field.default, config.Phase):
            yield from _settings_of_phase(field.name, field.default)
        elif dataclasses.is_dataclass(field.default):
            yield from settings_of(type(field.default))
        else:
            yield Setting(
                name=setting.flag_name(field),
                type=field.type,
                default=field.default,
                help=field.metadata["help"],
                choices=_fixed(field.metadata["choices"]),
                common=field.metadata["common"],
                group=_declares(kind, field.name),
            )


def _fixed(choices):
    return () if callable(choices) else tuple(choices)


def _declares(kind, name):
    """Returns the dataclass in which a field first appears."""
    for base in filter(dataclasses.is_dataclass, reversed(kind.__mro__)):
        if any(field.name == name for field in dataclasses.fields(base)):
            return base
    return kind


def _settings_of_phase(phase, defaults):
    for one in settings_of(config.Phase):
        yield dataclasses.replace(
            one,
            name=f"{phase}_{one.name}",
            default=getattr(defaults, one.name),
            help=one.help.format(phase=phase),
            group=f"phase {phase}",
        )


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
            values[setting.flag_name(field)] = value
    return values


def build(kind: type, values: Mapping[str, Any]) -> Any:
    """Builds a config from settings by flag name.

    The inverse of `flatten`: `build(Compress, flatten(c)) == c`.

    Args:
        kind: the dataclass of the config.
        values: a value for every setting; other entries are ignored.

    Raises:
        SettingsError: if a value is not allowed.
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
            name = setting.flag_name(field)
            arguments[field.name] = _convert(name, field.type, values[name])
    return kind(**arguments)


def _convert(name, kind, value):
    """Returns a flag's or JSON's value as the type of its setting."""
    # Flags and JSON have lists; frozen settings have tuples.
    value = tuple(value) if isinstance(value, list) else value
    for number, words in ((int, "whole numbers"), (float, "numbers")):
        if kind == tuple[number, ...]:
            try:
                return tuple(map(number, value))
            except ValueError:
                raise errors.SettingsError(
                    f"`{name}` must be {words}, separated by commas. "
                    f"Received: {','.join(map(str, value))}."
                ) from None
    return value


def _build_phase(name, values):
    try:
        return build(config.Phase, values)
    except errors.SettingsError as error:
        # A phase does not store its name, which is part of its flags' names.
        message = re.sub(r"^`|Received: (?=\w+=)", rf"\g<0>{name}_", str(error))
        raise errors.SettingsError(message) from None


def current(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns settings that any version wrote, by today's names.

    Args:
        values: settings by flag name, from a file in a run folder.
    """
    # A part of the settings, such as those of a trial, may lack the data's.
    renamed = dict(ADDED) if "image_size" in values else {}
    for name, value in values.items():
        new, convert = RENAMED.get(name, (name, lambda value: value))
        renamed[new] = convert(value)
    if renamed.get("min_teacher_accuracy") == 0:
        # No minimum, the default of version 0.1. It changes no result.
        renamed["min_teacher_accuracy"] = config.Compress.min_teacher_accuracy
    return renamed


def as_begun(settings: Any, recorded: Mapping[str, Any]) -> Any:
    """Returns settings with which a run of any version continues.

    A setting that the version of the run did not have, and that now has another
    value by default than that version used, gets the version's value.

    Args:
        settings: a config.
        recorded: settings by flag name, from the run's file.
    """
    values = flatten(settings)
    kept = {
        one.name: ADDED[one.name]
        for one in settings_of(type(settings))
        if one.name in ADDED.keys() - recorded.keys()
        and values[one.name] == one.default != ADDED[one.name]
    }
    return build(type(settings), values | kept) if kept else settings


def identity(settings: Any) -> dict[str, Any]:
    """Returns the settings that identify a run: all except the session's."""
    session = {field.name for field in dataclasses.fields(config.Session)}
    return {k: v for k, v in flatten(settings).items() if k not in session}


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Returns the settings that differ, in words; "" when none does."""
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
