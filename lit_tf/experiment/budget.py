"""What training a student took: examples, multiply-adds, seconds.

Two ways of training are comparable at one budget; in which of the three units
is for whoever compares them to say.
"""

from collections.abc import Mapping
from typing import Any

from lit_tf import config, data
from lit_tf.data import batches
from lit_tf.methods import trainer
from lit_tf.sections import cost


def of(
    model: trainer.Trainer,
    dataset: data.Dataset,
    settings: config.Phase,
    *,
    seconds: float,
    views: batches.Views | None = None,
) -> dict[str, Any]:
    """Returns what a phase took.

    Args:
        model: compiled.
        dataset: it was trained on.
        settings: the phase's.
        seconds: that it lasted, validation included.
        views: the teacher's answers, where they are kept.

    Returns:
        `examples`; `flops`, 2 × multiply-adds of all train steps, the teacher's
        among them; `seconds`.
    """
    size = settings.batch_size * model.batches
    whole = model.batches > 1
    steps = batches.steps_per_epoch(dataset.train, size, whole=whole)
    epochs, rest = divmod(settings.total(steps), steps)
    epoch = steps * size if whole else len(dataset.train)
    examples = epochs * epoch + rest * size
    flops = 0
    if examples:
        flops = examples * _of_example(model, dataset, size, whole, views)
    return {"examples": examples, "flops": round(flops), "seconds": seconds}


def together(phases: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Returns what all phases took, and by name what each did."""
    units = ("examples", "flops", "seconds")
    total = {u: sum(phase[u] for phase in phases.values()) for u in units}
    return {**total, "phases": dict(phases)}


def _of_example(model, dataset, size, whole, views):
    reading = batches.training(
        dataset.train,
        batch_size=size,
        epochs=1,
        seed=0,
        crop=dataset.crop,
        task=dataset.task,
        whole=whole,
        views=views,
    )
    strategy = model.distribute_strategy
    # Every replica of them is traced, and takes this batch as its own.
    counted = cost.traced_flops(
        lambda *batch: strategy.run(model.train_step, (batch,)),
        *next(iter(reading)),
    )
    taken = min(size, len(dataset.train)) * strategy.num_replicas_in_sync
    return counted / taken
