"""Defaults of flags that replace the paper's, by what a command line names.

A user's own model has others, and so has image translation. A run folder keeps
the defaults of the version that began it.
"""

import json
import pathlib
from typing import Any

from absl import flags

from lit_tf import config
from lit_tf.config import flatten, generators, method_table, own_model
from lit_tf.flags import parse
from lit_tf.training import begun_run

# Settings of a phase → those whose defaults do not go with them.
_DISPLACED = {
    "optimizer": ("learning_rate", "weight_decay"),
    "milestones": ("cosine_decay",),
    "linear_decay": ("cosine_decay",),
    "exponential_decay": ("cosine_decay",),
    "warmup_steps": ("warmup",),
    "warmup_epochs": ("warmup",),
}


def apply(kind: type) -> None:
    """Gives flags that were not passed the defaults of their command line.

    Args:
        kind: the dataclass of the command's settings, such as
            `config.Compress`.
    """
    known = flags.FLAGS
    takes = "recipe" in known
    if takes and "compression" in known and _names_own_model():
        _apply(_of_own_model(kind))
    if takes and generators.DEFAULTS.keys() <= set(known) and _translates():
        _apply(_of_generators(kind))


def _apply(defaults):
    for name, value in defaults.items():
        flag = flags.FLAGS[name]
        if flag.using_default_value:
            flag.value = value


def _names_own_model():
    """Returns whether the student is made from the model in a file.

    No recipe is named then.
    """
    known = flags.FLAGS
    shrinks = known["compression"].value or known["keep"].value
    return (
        not known["recipe"].value and known["teacher_weights"].value and shrinks
    )


def _of_own_model(kind: type) -> dict[str, Any]:
    """Returns the defaults for a user's own model.

    What a phase's passed settings displace, and settings of other methods, keep
    the paper's defaults. A run keeps the defaults that it began with.
    """
    known = flags.FLAGS
    method = known["method"].value
    read = {
        name: value
        for name, value in own_model.DEFAULTS.items()
        if method in method_table.readers(name)
    }
    displaced = {
        f"{phase}_{name}"
        for phase in ("lit", "fine_tune")
        for passed, names in _DISPLACED.items()
        if not known[f"{phase}_{passed}"].using_default_value
        for name in names
    }
    paper = flatten.flatten(kind())
    of_the_paper = {name: paper[name] for name in read}
    own = {k: v for k, v in read.items() if k not in displaced}
    recorded = flatten.current(_recorded(kind))
    if recorded and not _began_with(of_the_paper | own, recorded):
        if _began_with(of_the_paper, recorded):
            return {}
    return own


def _began_with(defaults, recorded):
    """Returns whether a run has defaults, in all that is not passed."""
    as_recorded = json.loads(json.dumps(defaults))
    return all(
        recorded.get(name) == value
        for name, value in as_recorded.items()
        if flags.FLAGS[name].using_default_value
    )


def _translates():
    """Returns whether the data are images with attributes."""
    dataset, folder = (flags.FLAGS[n].value for n in ("dataset", "data_dir"))
    if dataset != config.Data.dataset:
        return dataset in generators.DATASETS
    return bool(folder) and pathlib.Path(folder, generators.LISTING).is_file()


def _of_generators(kind: type) -> dict[str, Any]:
    """Returns the defaults for image translation.

    Setting `--discriminator` turns phase fine_tune on. A run keeps what it
    began with.
    """
    asked = not flags.FLAGS["discriminator"].using_default_value
    known = generators.DEFAULTS | {"fine_tune": asked}
    known |= flatten.current(_recorded(kind))
    return {name: known[name] for name in generators.DEFAULTS}


def _recorded(kind):
    """Returns the recorded settings of the run that is resumed; {} if new."""
    known = flags.FLAGS
    return begun_run.recorded(
        known["workdir"].value or parse.default_workdir(kind),
        overwrite=known["overwrite"].value,
    )
