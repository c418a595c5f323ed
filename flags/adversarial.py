"""Flags of how a generator is trained against a discriminator."""

from absl import flags

from lit_tf import config

flags.DEFINE_integer(
    "discriminator_width",
    config.Adversarial.discriminator_width,
    "Filters of a new discriminator's first convolution; each later one "
    "doubles them.",
)
flags.DEFINE_integer(
    "discriminator_depth",
    config.Adversarial.discriminator_depth,
    "Convolutions of a new discriminator that halve the image, whose side "
    "must divide so often.",
)
flags.DEFINE_integer(
    "discriminator_steps",
    config.Adversarial.discriminator_steps,
    "Steps that a trained discriminator takes for each of the generator, on a "
    "batch each.",
)
flags.DEFINE_float(
    "lambda_cls",
    config.Adversarial.lambda_cls,
    "Multiplies the loss of the attributes, of generator and discriminator.",
)
flags.DEFINE_float(
    "lambda_rec",
    config.Adversarial.lambda_rec,
    "Multiplies the generator's reconstruction loss.",
)
flags.DEFINE_float(
    "lambda_gp",
    config.Adversarial.lambda_gp,
    "Multiplies the discriminator's gradient penalty.",
)
flags.DEFINE_integer(
    "sample_steps",
    config.Session.sample_steps,
    "Steps between two grids of sample pictures; 0 for none but a phase's "
    "last.",
)
