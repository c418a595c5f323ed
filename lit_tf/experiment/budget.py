"""Budget of training a student: examples, FLOPs, seconds.

Two methods can be compared at equal budget; the reader chooses the unit.
"""

from collections.abc import Mapping
from typing import Any

from lit_tf.methods import trainer
from lit_tf.sections import cost
from lit_tf.training.schedule import Schedule


def phase_budget(
    model: trainer.Trainer, schedule: Schedule, *, seconds: float
) -> dict[str, Any]:
    """Returns what one phase took.

    Args:
        model: the compiled trainer.
        schedule: the phase's schedule.
        seconds: the phase's duration, validation included.

    Returns:
        `examples`, the training examples read; `flops`, 2 × multiply-adds of
        all training steps, the teacher's included; `seconds`.
    """
    examples = schedule.examples
    flops = examples * _flops_per_example(model, schedule) if examples else 0
    return {"examples": examples, "flops": round(flops), "seconds": seconds}


def total(phases: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the sums over all phases, and the phases by name."""
    units = ("examples", "flops", "seconds")
    sums = {u: sum(phase[u] for phase in phases.values()) for u in units}
    return {**sums, "phases": dict(phases)}


def _flops_per_example(model, schedule):
    strategy = schedule.strategy
    # Every replica is traced, and each receives the whole batch here.
    counted = cost.traced_flops(
        lambda *batch: strategy.run(model.train_step, (batch,)),
        *schedule.first_batch(),
    )
    return counted / (schedule.largest_batch * strategy.num_replicas_in_sync)
