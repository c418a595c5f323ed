"""Defaults of flags that replace the paper's, by what a command line names.

A user's own model has others, and so has image translation. A run folder keeps
the defaults of the version that began it.
"""

import dataclasses
import pathlib
from typing import Any

from absl import flags

from lit_tf import config
from lit_tf.config import flatten, generators, method_table, own_model
from lit_tf.flags import parse
from lit_tf.training import begun_run

# Flags whose values depend on the other settings of their phase.
_SCHEDULES = [
    f"{phase}_{field.name}"
    for phase in ("lit", "fine_tune")
    for field in dataclasses.fields(config.Phase)
    if field.name
    not in (
        "epochs",
        "steps",
        "batch_size",
        "microbatches",
        "clip_norm",
        "ema",
        "label_smoothing",
    )
]


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

    A command line that sets an optimizer or a learning rate of a phase keeps
    the paper's defaults, which its values belong to, and so do settings of
    other methods, and a run of a version without these defaults.
    """
    known = flags.FLAGS
    recorded = _recorded(kind)
    if recorded and "fresh_batch_norm" not in recorded:
        return {}
    if not all(known[name].using_default_value for name in _SCHEDULES):
        return {}
    method = known["method"].value
    return {
        name: value
        for name, value in own_model.DEFAULTS.items()
        if method in method_table.readers(name)
    }


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
