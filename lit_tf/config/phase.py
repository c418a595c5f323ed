"""Settings of a training phase: optimizer, length and learning rate."""

import dataclasses
import math

from lit_tf import errors
from lit_tf.config import choices
from lit_tf.config.setting import (
    AT_LEAST_0,
    AT_LEAST_1,
    BELOW_1,
    FINITE,
    POSITIVE,
    REQUIRED,
    UNIT,
    Group,
    setting,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Phase(Group):
    """One training phase: optimizer, length and learning rate schedule."""

    epochs: int = setting(
        REQUIRED,
        "Number of epochs of phase {phase}.",
        check=AT_LEAST_0,
        common=True,
    )
    steps: int = setting(
        0,
        "Number of steps of phase {phase}, instead of --{phase}_epochs; 0 to "
        "use --{phase}_epochs.",
        check=AT_LEAST_0,
    )
    optimizer: str = setting(
        "sgd", "Optimizer of phase {phase}.", choices=choices.OPTIMIZERS
    )
    batch_size: int = setting(
        REQUIRED,
        "Global batch size of phase {phase}, over all replicas.",
        check=AT_LEAST_1,
        common=True,
    )
    learning_rate: float = setting(
        REQUIRED,
        "Initial learning rate of phase {phase}. It multiplies the velocity "
        "of SGD, or the update of Adam or AdamW.",
        check=POSITIVE,
        common=True,
    )
    milestones: tuple[int, ...] = setting(
        (),
        "Ascending epochs of phase {phase} after which the learning rate is "
        "multiplied by --{phase}_decay. Milestone m: epochs 0 … m−1 have the "
        "earlier rate.",
    )
    decay: float = setting(
        0.1,
        "Factor of the learning rate at each of --{phase}_milestones.",
        check=POSITIVE,
    )
    momentum: float = setting(
        0.9,
        "Momentum of SGD in phase {phase}; with Adam and AdamW their β₁.",
        check=BELOW_1,
    )
    weight_decay: float = setting(
        REQUIRED,
        "Weight decay of phase {phase}: this multiple of each trained "
        "variable is added to its gradient, or with AdamW, multiplied by the "
        "learning rate, subtracted from it.",
        check=FINITE,
    )
    warmup_epochs: int = setting(
        0,
        "Number of first epochs of phase {phase} that run at a tenth of the "
        "learning rate.",
        check=AT_LEAST_0,
    )
    linear_decay: float = setting(
        0.0,
        "Last fraction of phase {phase}, in [0, 1], over which the learning "
        "rate falls linearly to 0.",
        check=UNIT,
    )

    warmup: float = setting(
        0.0,
        "First fraction of phase {phase}, in [0, 1), over which the learning "
        "rate rises linearly from 0.",
        check=BELOW_1,
    )
    cosine_decay: float = setting(
        0.0,
        "Last fraction of phase {phase}, in [0, 1], over which the learning "
        "rate falls along a half cosine to 0.",
        check=UNIT,
    )
    warmup_steps: int = setting(
        0,
        "Number of first steps of phase {phase} over which the learning rate "
        "rises linearly from 0.",
        check=AT_LEAST_0,
    )
    exponential_decay: float = setting(
        0.0,
        "Fraction of the learning rate, in [0, 1), that is left at the end of "
        "phase {phase}, over which it falls exponentially. Default: 0, no such "
        "decay.",
        check=BELOW_1,
    )
    clip_norm: float = setting(
        0.0,
        "Largest norm of the gradient of all trained variables together in "
        "phase {phase}; a longer one is shortened to it. Default: 0, none.",
        check=FINITE,
    )
    ema: float = setting(
        0.0,
        "Decay per step, in [0, 1), of an average of the trained variables in "
        "phase {phase}, such as 0.999. The averages are validated, chosen and "
        "exported in place of the variables. Default: 0, no average.",
        check=BELOW_1,
    )
    label_smoothing: float = setting(
        0.0,
        "Share of each label, in [0, 1), that the hard loss of phase {phase} "
        "spreads evenly over all classes. The soft loss is not changed.",
        check=BELOW_1,
    )

    microbatches: int = setting(
        1,
        "Number of parts into which each batch of phase {phase} is divided. "
        "They are computed one after another and their gradients are added, "
        "which needs less memory; a step still has --{phase}_batch_size "
        "examples. BatchNorm and the penalty l2_normalized normalize each part "
        "by itself.",
        check=AT_LEAST_1,
    )

    def __post_init__(self):
        super().__post_init__()
        errors.require(
            self.microbatches <= self.batch_size,
            f"`microbatches` must be at most the {self.batch_size} examples of "
            "a batch.",
            microbatches=self.microbatches,
        )
        earlier = (0, *self.milestones)
        errors.require(
            all(a < b for a, b in zip(earlier, self.milestones, strict=False)),
            "`milestones` must be positive epochs in ascending order.",
            milestones=self.milestones,
        )
        errors.require(
            self.steps
            or not self.epochs
            or all(m < self.epochs for m in self.milestones),
            f"`milestones` must be below the phase's {self.epochs} epochs.",
            milestones=self.milestones,
        )

    def total(self, epoch: int) -> int:
        """Returns the number of steps of the phase.

        Args:
            epoch: the number of steps per epoch.
        """
        return self.steps or self.epochs * epoch

    def check_warm_up(self, total: int, phase: str = "") -> None:
        """Checks that warm-up ends within the phase.

        Args:
            total: the number of steps of the phase.
            phase: the name of the phase, for the message; "" if unknown.

        Raises:
            SettingsError: if it does not.
        """
        name = f"{phase}_warmup_steps" if phase else "warmup_steps"
        errors.require(
            not self.warmup_steps or not total or self.warmup_steps < total,
            f"`{name}` must be below the {total:,} steps of the phase.",
            **{name: self.warmup_steps},
        )

    def rate(self, step: int, epoch: int) -> float:
        """Returns the learning rate of a step.

        A milestone m means: epochs 0 … m−1 have the earlier rate. Warm-up
        epochs have a tenth of the rate. Over the first fraction `warmup` of the
        phase, and over its first `warmup_steps` steps, the rate also rises
        linearly from 0; over the last fraction `linear_decay` it falls linearly
        to 0, over the last fraction `cosine_decay` along a half cosine, and
        over the whole phase exponentially to the fraction `exponential_decay`.

        Args:
            step: the number of the step in the phase, from 0.
            epoch: the number of steps per epoch.
        """
        passed = sum(step // epoch >= m for m in self.milestones)
        rate = self.learning_rate * self.decay**passed
        if step // epoch < self.warmup_epochs:
            rate = self.learning_rate * 0.1
        total = self.total(epoch)
        left = 1 - step / total if total else 1.0
        if self.linear_decay:
            rate *= min(1.0, left / self.linear_decay)
        if self.cosine_decay:
            part = min(1.0, left / self.cosine_decay)
            rate *= (1 - math.cos(math.pi * part)) / 2
        if self.warmup:
            rate *= min(1.0, (step + 1) / (total * self.warmup))
        if self.warmup_steps:
            rate *= min(1.0, (step + 1) / self.warmup_steps)
        if self.exponential_decay:
            rate *= self.exponential_decay ** (1 - left)
        return rate

    def scaled(self, factor: float) -> "Phase":
        """Returns the phase with its length multiplied by a factor.

        Epochs, steps, milestones and the epochs of warm-up are rounded;
        milestones that are no longer within the phase, or no longer apart, are
        left out. Steps of warm-up are rounded down, so that a warm-up below the
        length of the phase stays below it.

        Args:
            factor: new length divided by the present one, ≥ 0.
        """
        epochs = round(self.epochs * factor)
        steps = round(self.steps * factor)
        # Below the error of a factor such as 1 / 3, steps are whole.
        warmup_steps = math.floor(self.warmup_steps * factor + 1e-9)
        if steps:
            warmup_steps = min(warmup_steps, steps - 1)
        milestones = sorted({round(m * factor) for m in self.milestones})
        return dataclasses.replace(
            self,
            epochs=epochs,
            steps=steps,
            milestones=tuple(m for m in milestones if 0 < m < epochs),
            warmup_epochs=round(self.warmup_epochs * factor),
            warmup_steps=warmup_steps,
        )
