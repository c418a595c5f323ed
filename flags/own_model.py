"""Defaults of flags for a user's own model, in place of the paper's."""

import dataclasses
import pathlib

from absl import flags

from lit_tf import config
from lit_tf.config import method_table, own_model
from lit_tf.utils import json_files

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
        "clip_norm",
        "ema",
        "label_smoothing",
    )
]


def apply() -> None:
    """Gives flags that were not passed their defaults for a user's own model.

    The student is then made from the blocks of a model in a file, and no recipe
    is named. A command line that sets an optimizer or a learning rate of a
    phase keeps the paper's defaults, which its values belong to, and so do
    settings of other methods. A run folder that an earlier version began keeps
    the defaults of that version.
    """
    known = flags.FLAGS
    takes = "compression" in known and "recipe" in known
    if not takes or known["recipe"].value:
        return
    shrinks = known["compression"].value or known["keep"].value
    if not (known["teacher_weights"].value and shrinks) or _began_before():
        return
    if not all(known[name].using_default_value for name in _SCHEDULES):
        return
    method = known["method"].value
    for name, value in own_model.DEFAULTS.items():
        if known[name].using_default_value and (
            method in method_table.readers(name)
        ):
            known[name].value = value


def _began_before():
    """Returns whether the run folder is of a version without these defaults."""
    path = pathlib.Path(
        flags.FLAGS["workdir"].value or "runs/compress", "config.json"
    )
    try:
        settings = json_files.parse(path.read_bytes())["settings"]
        return "fresh_batch_norm" not in settings
    except (OSError, ValueError, KeyError, TypeError):
        return False
