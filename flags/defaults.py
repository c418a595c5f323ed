"""Defaults of flags that replace the paper's, by what a command line names.

A user's own model has others, and so has image translation. A run folder keeps
the defaults that its run began with.
"""

import json
import pathlib
from typing import Any

from absl import flags

from lit_tf import config
from lit_tf.config import flatten, generators, method_table, own_model
from lit_tf.flags import parse
from lit_tf.training import begun_run


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

    What the passed settings of a phase displace keeps the paper's defaults. A
    run keeps the defaults that it began with.
    """
    method = flags.FLAGS["method"].value
    applicable = {
        name: value
        for name, value in own_model.DEFAULTS.items()
        if name not in method_table.SPECIFIC
        or method in method_table.readers(name)
    }
    if not _not_passed(applicable.keys() - flatten.ADDED.keys()):
        return {}  # The flags of a run of version 0.1, which had no others.
    displaced = _displaced("lit") | _displaced("fine_tune")
    own = {k: v for k, v in applicable.items() if k not in displaced}
    recorded = flatten.current(_recorded(kind))
    if not (recorded.get("compression") or recorded.get("keep")):
        return own
    paper = flatten.flatten(kind())
    of_the_paper = {name: paper[name] for name in applicable}
    return min(
        (own, {}), key=lambda one: _distance(of_the_paper | one, recorded)
    )


def _displaced(phase):
    """Returns the flags whose defaults do not go with what was passed."""

    def passed(*names):
        of_phase = [flags.FLAGS[f"{phase}_{name}"] for name in names]
        return [f.value for f in of_phase if not f.using_default_value]

    displaced = set()
    if set(passed("optimizer")) & {"sgd", "adam"}:
        displaced.add("weight_decay")  # L2 of the loss.
    if passed("optimizer") == ["sgd"]:
        displaced.add("learning_rate")
    if any(passed("milestones", "linear_decay", "exponential_decay")):
        displaced.add("cosine_decay")
    if any(passed("warmup_steps", "warmup_epochs")):
        displaced.add("warmup")
    return {f"{phase}_{name}" for name in displaced}


def _distance(defaults, recorded):
    """Returns how many defaults of flags that were not passed a run lacks."""
    as_recorded = json.loads(json.dumps(defaults))
    return sum(
        recorded.get(name) != as_recorded[name]
        for name in _not_passed(defaults)
    )


def _not_passed(names):
    return [n for n in names if flags.FLAGS[n].using_default_value]


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
