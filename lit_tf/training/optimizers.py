"""The optimizers of phases; SGD and Adam with L2 are the paper's."""

from typing import Any

import keras

from lit_tf import config

_BETA_2, _EPSILON = 0.999, 1e-8  # Adam's.


class _OptimizerWithL2(keras.optimizers.Optimizer):
    """An optimizer that adds L2 to the gradient: g + wd·w replaces g.

    The term is added in `update_step`, after loss scaling was undone and the
    gradients were clipped and summed over the replicas. None of these changes
    it there. (Keras's own `weight_decay` is decoupled from the gradient.)

    Args:
        learning_rate: the learning rate; a float, a schedule or a callable.
        momentum: the momentum, in [0, 1).
        weight_decay: wd, applied to all trained variables.
        name: the name; the class's name in lower case when None.
        **kwargs: arguments of `keras.optimizers.Optimizer`.
    """

    slots: tuple[str, ...] = ()  # Names of the state of each variable.

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
        created = self.add_optimizer_variables(variables, list(self.slots))
        self.slot_variables = dict(zip(self.slots, created, strict=True))

    def update_step(self, gradient, variable, learning_rate):
        rate = keras.ops.cast(learning_rate, variable.dtype)
        gradient = keras.ops.cast(gradient, variable.dtype) + self.l2 * variable
        index = self._get_variable_index(variable)
        state = [self.slot_variables[slot][index] for slot in self.slots]
        self.assign_sub(variable, rate * self.direction(gradient, *state))

    def direction(self, gradient, *state):
        """Updates the state and returns the step for a learning rate of 1.

        Args:
            gradient: g + wd·w.
            *state: the variable's state, one for each slot.
        """
        raise NotImplementedError

    def get_config(self):
        own = {"momentum": self.momentum, "weight_decay": self.l2}
        return super().get_config() | own


@keras.saving.register_keras_serializable("lit_tf")
class SGD(_OptimizerWithL2):
    """SGD with momentum and L2 in the gradient: v ← m·v + (g + wd·w).

    The update is w ← w − rate·v. `keras.optimizers.SGD` keeps the learning rate
    inside the momentum buffer instead, so the old rate still has an effect for
    some steps after a milestone.

    Example:
    ```python
    import keras

    import lit_tf

    rate = keras.optimizers.schedules.PiecewiseConstantDecay(
        boundaries=[10_000, 15_000], values=[0.1, 0.01, 0.001]
    )
    optimizer = lit_tf.SGD(rate, momentum=0.9, weight_decay=1e-4)
    ```

    Args:
        learning_rate: the learning rate; a float, a schedule or a callable.
        momentum: m, in [0, 1).
        weight_decay: wd, applied to all trained variables.
        **kwargs: arguments of `keras.optimizers.Optimizer`.
    """

    slots = ("velocity",)

    def direction(self, gradient, velocity):
        self.assign(velocity, self.momentum * velocity + gradient)
        return velocity


@keras.saving.register_keras_serializable("lit_tf")
class Adam(_OptimizerWithL2):
    """Adam with L2 in the gradient, as in PyTorch.

    ε is 1e-8 and is added to the root of the bias-corrected mean square.
    `keras.optimizers.Adam` adds 1e-7 before the bias correction, which at the
    first step has the effect of an ε 30 times as large.

    Args:
        learning_rate: the learning rate; a float, a schedule or a callable.
        momentum: β₁, the decay of the running mean of gradients. β₂ is 0.999.
        weight_decay: wd, applied to all trained variables.
        **kwargs: arguments of `keras.optimizers.Optimizer`.
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


def _adamw(learning_rate, momentum, weight_decay, **kwargs):
    """Returns Keras's AdamW, whose decay leaves out biases and scales."""
    optimizer = keras.optimizers.AdamW(
        learning_rate, beta_1=momentum, weight_decay=weight_decay, **kwargs
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


_OPTIMIZERS = {"sgd": SGD, "adam": Adam, "adamw": _adamw}


def of(phase: config.Phase) -> keras.optimizers.Optimizer:
    """Returns the optimizer of a phase, at its first learning rate."""
    return _OPTIMIZERS[phase.optimizer](
        phase.learning_rate,
        momentum=phase.momentum,
        weight_decay=phase.weight_decay,
        global_clipnorm=phase.clip_norm or None,
        use_ema=bool(phase.ema),
        ema_momentum=phase.ema,
    )
