"""Steps of an optimizer, on one device or on several replicas."""

from collections.abc import Sequence

import keras
import tensorflow as tf

_CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")


def inner(
    optimizer: keras.optimizers.Optimizer,
) -> keras.optimizers.Optimizer:
    """Returns the optimizer within a `LossScaleOptimizer`, or itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def apply(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[tf.Tensor | None],
    variables: Sequence[keras.Variable],
    *,
    replicas: int,
) -> None:
    """Takes a step with the gradients that this replica computed.

    Keras sums gradients over the replicas last: each replica clips its own
    part, and a `LossScaleOptimizer` looks for infinite numbers in the part of
    the first replica alone. An optimizer that does either therefore gets sums
    that are clipped already, divided by the number of replicas. A part so small
    is not clipped again.

    Args:
        optimizer: the optimizer, built on the variables.
        gradients: the gradients of the scaled loss, one for each variable; None
            for a variable that the loss does not depend on.
        variables: the variables.
        replicas: number of replicas.
    """
    scaled = inner(optimizer) is not optimizer
    clips = any(getattr(inner(optimizer), name) for name in _CLIPS)
    if replicas > 1 and (scaled or clips):
        scale = optimizer.dynamic_scale.value if scaled else 1.0
        known = [g for g in gradients if g is not None]
        parts = iter(_summed(inner(optimizer), known, scale, replicas))
        gradients = [g if g is None else next(parts) for g in gradients]
    optimizer.apply(gradients, variables)


def _summed(optimizer, gradients, scale, replicas):
    context = tf.distribute.get_replica_context()
    sums = context.all_reduce(
        tf.distribute.ReduceOp.SUM, list(map(tf.convert_to_tensor, gradients))
    )
    clipped = optimizer._clip_gradients([g / scale for g in sums])
    # What is not finite stays, so that the optimizer leaves out the step.
    return [
        tf.where(tf.math.is_finite(g), c * scale, g) / replicas
        for g, c in zip(sums, clipped, strict=True)
    ]
