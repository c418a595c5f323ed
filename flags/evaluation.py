"""Flags of `lit-evaluate`."""

from absl import flags

flags.DEFINE_string(
    "model",
    None,
    "The model: a .keras file, a run folder or a SavedModel folder.",
    required=True,
)
flags.DEFINE_string("json", "", "File to write the accuracy to, as JSON.")
