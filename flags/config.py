"""From flags to a frozen config: the only place that reads a flag's value."""

import pathlib
from typing import Any

from absl import flags

from lit_tf import config
from lit_tf.config import flatten


def from_flags(kind: type, *, workdir: str = "") -> Any:
    """Builds a config from the parsed flags.

    Args:
        kind: `config.Teach`, `config.Compress`, or another with defaults.
        workdir: the run folder where no flag names one; by default that of the
            recipe, or of the kind.

    Raises:
        SettingsError: a setting is not one that can be.
    """
    values = {name: flags.FLAGS[name].value for name in _names(kind)}
    if "workdir" in values:
        values["workdir"] = (
            values["workdir"] or workdir or _default_workdir(kind)
        )
    return flatten.build(kind, values)


def value(name: str) -> Any:
    """Returns one flag's value, for a command without a config."""
    return flags.FLAGS[name].value


def data() -> config.Data:
    """Returns which data set is meant and how it is read.

    Nothing of it validates where the command has no flags for that.
    """
    what = flatten.flatten(config.Data(validation_fraction=0))
    what |= {name: value(name) for name in what if name in flags.FLAGS}
    return flatten.build(config.Data, what)


def session() -> config.Session:
    """Returns where things are, as far as a command without a run asks."""
    known = flatten.flatten(config.Session())
    known |= {name: value(name) for name in known if name in flags.FLAGS}
    return flatten.build(config.Session, known)


def _names(kind):
    # A config of nothing but defaults has every name there is.
    return flatten.flatten(kind())


def _default_workdir(kind):
    recipe = flags.FLAGS["recipe"].value
    return str(pathlib.Path("runs") / (recipe or kind.__name__.lower()))
