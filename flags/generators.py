"""Defaults of flags for image translation, in place of the paper's."""

import pathlib

from absl import flags

from lit_tf import config
from lit_tf.config import flatten, generators
from lit_tf.flags import parse
from lit_tf.utils import json_files


def apply() -> None:
    """Gives flags that were not passed their defaults for image translation.

    Setting `--discriminator` turns phase fine_tune on. A run folder keeps what
    it began with, also that of an earlier version.
    """
    known = flags.FLAGS
    if not generators.DEFAULTS.keys() <= set(known) or not _translates():
        return
    asked = not known["discriminator"].using_default_value
    defaults = generators.DEFAULTS | {"fine_tune": asked} | _recorded()
    for name in generators.DEFAULTS:
        if known[name].using_default_value:
            known[name].value = defaults[name]


def _translates():
    """Returns whether the data are images with attributes."""
    dataset, folder = (flags.FLAGS[n].value for n in ("dataset", "data_dir"))
    if dataset != config.Data.dataset:
        return dataset in generators.DATASETS
    return bool(folder) and pathlib.Path(folder, generators.LISTING).is_file()


def _recorded():
    """Returns the settings of the run that the run folder resumes, if any."""
    folder = pathlib.Path(
        flags.FLAGS["workdir"].value or parse.default_workdir(config.Compress)
    )
    began = any((folder / name).exists() for name in ("teacher", "checkpoints"))
    if flags.FLAGS["overwrite"].value or not began:
        return {}
    try:
        text = (folder / "config.json").read_bytes()
        return flatten.current(json_files.parse(text)["settings"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # It is refused when the run begins.
