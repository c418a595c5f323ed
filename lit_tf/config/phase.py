"""How a phase is trained: by what, how long, and at which learning rate."""

import dataclasses
import math

from lit_tf import errors
from lit_tf.config import choices

OPTIMIZERS = ("sgd", "adam")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Phase:
    """One training phase: an optimiser, a length and a learning rate's fall."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    milestones: tuple[int, ...] = ()
    decay: float = 0.1
    momentum: float = 0.9
    warmup_epochs: int = 0
    steps: int = 0
    optimizer: str = "sgd"
    linear_decay: float = 0.0

    def __post_init__(self):
        choices.check_one_of(OPTIMIZERS, optimizer=self.optimizer)
        for name in ("epochs", "steps"):
            value = getattr(self, name)
            errors.require(
                value >= 0, f"`{name}` must be ≥ 0.", **{name: value}
            )
        errors.require(
            0 <= self.linear_decay <= 1,
            "`linear_decay` must be a fraction in [0, 1].",
            linear_decay=self.linear_decay,
        )
        errors.require(
            self.batch_size >= 1,
            "`batch_size` must be ≥ 1.",
            batch_size=self.batch_size,
        )
        for name in ("learning_rate", "decay"):
            value = getattr(self, name)
            errors.require(
                0 < value < math.inf,
                f"`{name}` must be positive and finite.",
                **{name: value},
            )
        errors.require(
            0 <= self.weight_decay < math.inf,
            "`weight_decay` must be ≥ 0 and finite.",
            weight_decay=self.weight_decay,
        )
        errors.require(
            0 <= self.momentum < 1,
            "`momentum` must be in [0, 1).",
            momentum=self.momentum,
        )
        errors.require(
            self.warmup_epochs >= 0,
            "`warmup_epochs` must be ≥ 0.",
            warmup_epochs=self.warmup_epochs,
        )
        ascending = all(
            low < high
            for low, high in zip(
                (0, *self.milestones), self.milestones, strict=False
            )
        )
        errors.require(
            ascending,
            "`milestones` must be positive epochs in ascending order.",
            milestones=self.milestones,
        )
        errors.require(
            self.steps
            or not self.epochs
            or all(m < self.epochs for m in self.milestones),
            "`milestones` must be reached within the phase's "
            f"{self.epochs} epochs.",
            milestones=self.milestones,
        )

    def total(self, epoch: int) -> int:
        """Returns the phase's steps, of which an epoch has as many as given."""
        return self.steps or self.epochs * epoch

    def rate(self, step: int, epoch: int) -> float:
        """Returns the learning rate of a step, counted from 0.

        A milestone m means: epochs 0 … m−1 at the old rate. Warm-up epochs run
        at a tenth of it. Over the last `linear_decay` of the phase the rate
        falls to 0 besides.

        Args:
            step: of the phase.
            epoch: the steps of an epoch.
        """
        passed = sum(step // epoch >= m for m in self.milestones)
        rate = self.learning_rate * self.decay**passed
        if step // epoch < self.warmup_epochs:
            rate = self.learning_rate * 0.1
        total = self.total(epoch)
        left = 1 - step / total if total else 1.0
        return rate * min(
            1.0, left / self.linear_decay if self.linear_decay else 1.0
        )
