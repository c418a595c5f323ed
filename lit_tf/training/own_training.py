"""Optimizer and callbacks of a user, in place of a phase's settings."""

import dataclasses
import json

import keras


@dataclasses.dataclass(frozen=True, kw_only=True)
class OwnTraining:
    """What a user brings in place of a phase's settings.

    Args:
        optimizer: an optimizer of Keras with its own learning rate, of which
            each phase trains with a copy; None for those of the settings.
        callbacks: callbacks of Keras, called in each phase.
    """

    optimizer: keras.optimizers.Optimizer | None = None
    callbacks: tuple[keras.callbacks.Callback, ...] = ()

    @property
    def description(self) -> str:
        """The optimizer's class and configuration; "" without one."""
        if self.optimizer is None:
            return ""
        config = json.dumps(self.optimizer.get_config(), default=str)
        return f"{type(self.optimizer).__name__} {config}"

    def new_optimizer(self) -> keras.optimizers.Optimizer | None:
        """Returns a copy of the optimizer in its first state, if any."""
        if self.optimizer is None:
            return None
        return type(self.optimizer).from_config(self.optimizer.get_config())


NOTHING = OwnTraining()
