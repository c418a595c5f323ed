"""Flags of how texts are read."""

from absl import flags

from lit_tf import config

flags.DEFINE_integer(
    "text_length",
    config.Data.text_length,
    "Characters of a text that are read: longer ones are cut, shorter ones "
    "padded.",
)
