"""Flags of `lit-export`."""

from absl import flags

flags.DEFINE_string(
    "model", None, "The model: a .keras file or a run folder.", required=True
)
flags.DEFINE_string(
    "output", None, "Folder to write the SavedModel to.", required=True
)
flags.DEFINE_boolean(
    "overwrite", False, "Replace a SavedModel that stands at --output."
)
