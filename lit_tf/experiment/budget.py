"""Budget of training a student: examples, FLOPs, seconds.

Two methods can be compared at equal budget; the reader chooses the unit.
"""

from collections.abc import Mapping
from typing import Any

from lit_tf.methods import trainer
from lit_tf.sections import cost
from lit_tf.training.schedule import Schedule


def phase_budget(
    model: trainer.Trainer, schedule: Schedule, *, steps: int, seconds: float
) -> dict[str, Any]:
    """Returns the training budget that one phase used.

    Args:
        model: the compiled trainer.
        schedule: the phase's schedule.
        steps: number of steps taken; fewer than the schedule's if the phase
            ended early.
        seconds: the phase's duration, validation included.

    Returns:
        `examples`, the training examples read; `flops`, 2 × multiply-adds of
        all training steps, the teacher's included unless its outputs are
        cached; `seconds`. If the steps have operations that cannot be counted,
        also their types, as `uncounted_operations`.
    """
    examples, flops, uncounted = schedule.examples(steps), 0, ()
    replicas = schedule.strategy.num_replicas_in_sync
    for share, one in schedule.by_length() if examples else ():
        step = _count_step(model, one)
        per_example = step.flops / (one.largest_batch * replicas)
        flops += examples * share * per_example
        uncounted = step.uncounted
    counted = cost.FlopCount(round(flops), uncounted)
    return {"examples": examples, **counted.facts, "seconds": seconds}


def total(phases: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the sums over all phases, and the phases by name."""
    units = ("examples", "flops", "seconds")
    sums = {u: sum(phase[u] for phase in phases.values()) for u in units}
    return {**sums, "phases": dict(phases)}


def _count_step(model, schedule):
    """Counts one training step on all replicas, each with a whole batch."""
    # Microbatches have the same FLOPs, but sizes that are not known.
    microbatches, model.microbatches = model.microbatches, 1
    try:
        return cost.count_traced_flops(
            lambda *batch: schedule.strategy.run(model.train_step, (batch,)),
            *schedule.first_batch(),
        )
    finally:
        model.microbatches = microbatches
