"""The flags of one phase, the same for every phase."""

from absl import flags

from lit_tf import config

# The flags belong to the module that calls `define`.
flags.disclaim_key_flags()


def define(phase: str, defaults: config.Phase) -> None:
    """Defines `--PHASE_epochs` and the like, with the phase's defaults."""
    flags.DEFINE_integer(
        f"{phase}_epochs", defaults.epochs, f"Epochs of phase {phase}."
    )
    flags.DEFINE_integer(
        f"{phase}_steps",
        defaults.steps,
        f"Steps of phase {phase}, instead of --{phase}_epochs; 0 for these.",
    )
    flags.DEFINE_enum(
        f"{phase}_optimizer",
        defaults.optimizer,
        config.OPTIMIZERS,
        f"Optimiser of phase {phase}.",
    )
    flags.DEFINE_integer(
        f"{phase}_batch_size",
        defaults.batch_size,
        f"Examples a step in phase {phase}, over all replicas.",
    )
    flags.DEFINE_float(
        f"{phase}_learning_rate",
        defaults.learning_rate,
        f"Learning rate at the start of phase {phase}; multiplies SGD's "
        "velocity, or Adam's.",
    )
    flags.DEFINE_list(
        f"{phase}_milestones",
        list(map(str, defaults.milestones)),
        f"Epochs of phase {phase}, ascending, after which the learning rate "
        f"is multiplied by --{phase}_decay. A milestone m: epochs 0 … m−1 at "
        "the old rate.",
    )
    flags.DEFINE_float(
        f"{phase}_decay",
        defaults.decay,
        f"Multiplies the learning rate at each of --{phase}_milestones.",
    )
    flags.DEFINE_float(
        f"{phase}_momentum",
        defaults.momentum,
        f"Multiplies SGD's velocity of the step before, in phase {phase}; of "
        "Adam β₁.",
    )
    flags.DEFINE_float(
        f"{phase}_weight_decay",
        defaults.weight_decay,
        "Multiplies each trained variable where it is added to its gradient, "
        f"in phase {phase}.",
    )
    flags.DEFINE_integer(
        f"{phase}_warmup_epochs",
        defaults.warmup_epochs,
        f"First epochs of phase {phase}, run at a tenth of the learning rate.",
    )
    flags.DEFINE_float(
        f"{phase}_linear_decay",
        defaults.linear_decay,
        f"Last fraction of phase {phase}, in [0, 1], over which the learning "
        "rate falls to 0.",
    )
