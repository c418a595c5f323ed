"""Flags of `lit-evaluate`."""

from absl import flags

flags.DEFINE_string(
    "model",
    None,
    "The model: a .keras file, a run folder or a SavedModel folder.",
    required=True,
)
flags.DEFINE_string(
    "discriminator_weights",
    "",
    "Discriminator that judges a generator, a .keras file. Default: the one "
    "beside its teacher, or beside itself.",
)
flags.DEFINE_string(
    "teacher_weights",
    "",
    "The model's teacher, with whose answers its own are compared: a .keras "
    "file or a run folder.",
)
flags.DEFINE_string("json", "", "File to write the figures to, as JSON.")
