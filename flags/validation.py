"""Flags of the validation split."""

from absl import flags

from lit_tf import config

flags.DEFINE_float(
    "validation_fraction",
    config.Data.validation_fraction,
    "Fraction of the training examples, in [0, 1), that validates instead; "
    "with 0 only the last student is reported.",
)
flags.DEFINE_integer(
    "split_seed",
    config.Data.split_seed,
    "Seed of the choice of validation examples; apart from --seed, so that "
    "runs of several seeds validate on the same ones.",
)
