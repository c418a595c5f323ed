"""SGD and Adam as the paper's experiments ran them."""

from typing import Any

import keras

from lit_tf import config

_BETA_2, _EPSILON = 0.999, 1e-8  # Of Adam.


class _Decayed(keras.optimizers.Optimizer):
    """An optimiser with L2 in the gradient: g + wd·w takes the place of g.

    It is added in `update_step`: after the gradients were unscaled and summed
    over the replicas, so that neither touches it. (Keras's own `weight_decay`
    is decoupled from the gradient.)

    Args:
        learning_rate: the rate; a float, a schedule or a callable.
        momentum: in [0, 1).
        weight_decay: wd, for every trained variable.
        name: of the optimiser.
        **kwargs: of `keras.optimizers.Optimizer`.
    """

    slots: tuple[str, ...] = ()  # What is kept of each variable.

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        name: str | None = None,
        **kwargs: Any,
    ):
        name = name or type(self).__name__.lower()
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum
        self.l2 = weight_decay

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        kept = self.add_optimizer_variables(variables, list(self.slots))
        self.kept = dict(zip(self.slots, kept, strict=True))

    def update_step(self, gradient, variable, learning_rate):
        rate = keras.ops.cast(learning_rate, variable.dtype)
        gradient = keras.ops.cast(gradient, variable.dtype) + self.l2 * variable
        index = self._get_variable_index(variable)
        kept = [self.kept[slot][index] for slot in self.slots]
        self.assign_sub(variable, rate * self.direction(gradient, *kept))

    def direction(self, gradient, *kept):
        """Returns what the rate multiplies, having moved what is kept.

        Args:
            gradient: g + wd·w.
            *kept: the variable's, one a slot.
        """
        raise NotImplementedError

    def get_config(self):
        own = {"momentum": self.momentum, "weight_decay": self.l2}
        return super().get_config() | own


@keras.saving.register_keras_serializable("lit_tf")
class SGD(_Decayed):
    """SGD with momentum and L2 in the gradient: v ← m·v + (g + wd·w).

    `keras.optimizers.SGD` also keeps the learning rate inside the momentum
    buffer, so that after a milestone the old rate lives on for a while. Here
    w ← w − rate·v.

    Args:
        learning_rate: the rate; a float, a schedule or a callable.
        momentum: m, in [0, 1).
        weight_decay: wd, for every trained variable.
        **kwargs: of `keras.optimizers.Optimizer`.
    """

    slots = ("velocity",)

    def direction(self, gradient, velocity):
        self.assign(velocity, self.momentum * velocity + gradient)
        return velocity


@keras.saving.register_keras_serializable("lit_tf")
class Adam(_Decayed):
    """Adam with L2 in the gradient, as PyTorch has it.

    ε is 1e-8, beside the root of the mean square after its bias was corrected.
    `keras.optimizers.Adam` has 1e-7, before that correction: at the first step
    it is 30 times as much again.

    Args:
        learning_rate: the rate; a float, a schedule or a callable.
        momentum: β₁, of the running mean of gradients. β₂ is 0.999.
        weight_decay: wd, for every trained variable.
        **kwargs: of `keras.optimizers.Optimizer`.
    """

    slots = ("mean", "square")

    def direction(self, gradient, mean, square):
        step = keras.ops.cast(self.iterations + 1, gradient.dtype)
        self.assign_add(mean, (gradient - mean) * (1 - self.momentum))
        self.assign_add(
            square, (keras.ops.square(gradient) - square) * (1 - _BETA_2)
        )
        root = keras.ops.sqrt(square / (1 - _BETA_2**step))
        return mean / (1 - self.momentum**step) / (root + _EPSILON)


_OPTIMIZERS = {"sgd": SGD, "adam": Adam}


def of(phase: config.Phase) -> keras.optimizers.Optimizer:
    """Returns a phase's optimiser, at its first learning rate."""
    return _OPTIMIZERS[phase.optimizer](
        phase.learning_rate,
        momentum=phase.momentum,
        weight_decay=phase.weight_decay,
    )
