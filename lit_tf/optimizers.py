"""SGD and Adam as the paper's experiments ran them."""

from typing import Any

import keras

from lit_tf import config

_BETA_2, _EPSILON = 0.999, 1e-8  # Of Adam.


@keras.saving.register_keras_serializable("lit_tf")
class SGD(keras.optimizers.Optimizer):
    """SGD with momentum and L2 in the gradient: v ← m·v + (g + wd·w).

    `keras.optimizers.SGD` differs in two ways that matter here: its
    `weight_decay` is decoupled from the gradient and so bypasses the momentum,
    and it keeps the learning rate inside the momentum buffer, so that after a
    milestone the old rate lives on for a while. Here w ← w − rate·v.

    The L2 term is added in `update_step`: after the gradients were unscaled and
    summed over the replicas, so that neither touches it.

    Args:
        learning_rate: the rate; a float, a schedule or a callable.
        momentum: m, in [0, 1).
        weight_decay: wd, for every trained variable.
        **kwargs: of `keras.optimizers.Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        name: str = "sgd",
        **kwargs: Any,
    ):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum
        self.l2 = weight_decay

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.velocities = self.add_optimizer_variables(variables, "velocity")

    def update_step(self, gradient, variable, learning_rate):
        rate = keras.ops.cast(learning_rate, variable.dtype)
        gradient = keras.ops.cast(gradient, variable.dtype)
        velocity = self.velocities[self._get_variable_index(variable)]
        self.assign(
            velocity,
            self.momentum * velocity + (gradient + self.l2 * variable),
        )
        self.assign_sub(variable, rate * velocity)

    def get_config(self):
        own = {"momentum": self.momentum, "weight_decay": self.l2}
        return super().get_config() | own


@keras.saving.register_keras_serializable("lit_tf")
class Adam(keras.optimizers.Optimizer):
    """Adam with L2 in the gradient: g + wd·w takes the place of g.

    Epsilon is PyTorch's 1e-8, and where PyTorch has it: beside the root of the
    mean square after its bias was corrected. `keras.optimizers.Adam` has it
    before, which at the first step is 30 times as much, and 1e-7; its
    `weight_decay` is decoupled from the gradient.

    Args:
        learning_rate: the rate; a float, a schedule or a callable.
        momentum: β₁, of the running mean of gradients. β₂ is 0.999.
        weight_decay: wd, for every trained variable.
        **kwargs: of `keras.optimizers.Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        name: str = "adam",
        **kwargs: Any,
    ):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum
        self.l2 = weight_decay

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.means, self.squares = self.add_optimizer_variables(
            variables, ["mean", "square"]
        )

    def update_step(self, gradient, variable, learning_rate):
        rate = keras.ops.cast(learning_rate, variable.dtype)
        step = keras.ops.cast(self.iterations + 1, variable.dtype)
        gradient = keras.ops.cast(gradient, variable.dtype) + self.l2 * variable
        index = self._get_variable_index(variable)
        mean, square = self.means[index], self.squares[index]
        self.assign_add(mean, (gradient - mean) * (1 - self.momentum))
        self.assign_add(
            square, (keras.ops.square(gradient) - square) * (1 - _BETA_2)
        )
        root = keras.ops.sqrt(square / (1 - _BETA_2**step))
        unbiased = mean / (1 - self.momentum**step)
        self.assign_sub(variable, rate * unbiased / (root + _EPSILON))

    def get_config(self):
        own = {"momentum": self.momentum, "weight_decay": self.l2}
        return super().get_config() | own


_OPTIMIZERS = {"sgd": SGD, "adam": Adam}


def of(phase: config.Phase) -> keras.optimizers.Optimizer:
    """Returns a phase's optimiser, at its first learning rate."""
    return _OPTIMIZERS[phase.optimizer](
        phase.learning_rate,
        momentum=phase.momentum,
        weight_decay=phase.weight_decay,
    )
