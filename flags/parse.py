"""Reads the values of the flags; no other module does."""

import pathlib
from typing import Any

from absl import flags

from lit_tf import config
from lit_tf.config import flatten
from lit_tf.tuning.settings import Tune


def from_flags(kind: type) -> Any:
    """Builds a dataclass of settings or options from the parsed flags.

    Args:
        kind: the dataclass, such as `config.Compress`.

    Raises:
        SettingsError: if a value is not allowed.
    """
    values = {one.name: value(one.name) for one in flatten.settings_of(kind)}
    if "workdir" in values:
        values["workdir"] = values["workdir"] or default_workdir(kind)
    return flatten.build(kind, values)


def value(name: str) -> Any:
    """Returns the value of one flag."""
    return flags.FLAGS[name].value


def data() -> config.Data:
    """Returns the settings of the dataset, with defaults for missing flags.

    Without a flag for it, nothing is set aside for validation.
    """
    return _from_defined(config.Data(validation_fraction=0))


def session() -> config.Session:
    """Returns the settings of the session, with defaults for missing flags."""
    return _from_defined(config.Session())


def _from_defined(defaults):
    values = flatten.flatten(defaults)
    values |= {name: value(name) for name in values if name in flags.FLAGS}
    return flatten.build(type(defaults), values)


def default_workdir(kind: type) -> str:
    """Returns the run folder of a command whose flags name none.

    Args:
        kind: the dataclass of the settings, such as `config.Compress`.
    """
    # A search does not share the folder of the recipe's run.
    recipe = "" if kind is Tune else flags.FLAGS["recipe"].value
    return str(pathlib.Path("runs") / (recipe or kind.__name__.lower()))
