"""The flag that names a packaged experiment."""

from absl import flags

flags.DEFINE_string(
    "recipe",
    "",
    "A packaged experiment; its flags stand under those of the command line.",
)
