"""The epochs of each phase, from `epochs` or a `budget`."""

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import keras

from lit_tf import data, errors
from lit_tf.config import Compress, durations, with_epochs
from lit_tf.data import batches
from lit_tf.experiment import step_time, student_training
from lit_tf.experiment.tasks import TASKS
from lit_tf.methods import stages
from lit_tf.training import run_folder, schedule
from lit_tf.utils import text_format

_PHASES = ("lit", "fine_tune")
# Of a budget, what is planned. The machine may be slower later.
_PLANNED = 0.9
_MOST = 1000  # Epochs.


def with_own_epochs(settings: Compress) -> Compress:
    """Returns settings whose phases have the epochs that `epochs` names."""
    if not settings.epochs:
        return settings
    return with_epochs(settings, settings.epochs)


def check_warm_up(settings: Compress, dataset: data.Dataset) -> None:
    """Checks the warm-up of all phases before the first one.

    Raises:
        SettingsError: if one is longer than its phase.
    """
    for name in _PHASES:
        phase = getattr(settings, name)
        count = TASKS[dataset.task].batches_per_step(settings, name)
        steps = batches.steps_per_epoch(
            dataset.train, phase.batch_size * count, whole=count > 1
        )
        phase.check_warm_up(phase.total(steps), name)


def fitted(
    pair: stages.Pair,
    dataset: data.Dataset,
    auxiliary_models: Mapping[str, keras.Model],
    folder: run_folder.RunFolder | None = None,
) -> stages.Pair:
    """Returns a pair whose phases fit into the budget of its settings, if any.

    Args:
        pair: teacher and student.
        dataset: the dataset.
        auxiliary_models: the models that belong to the teacher.
        folder: the run folder, which keeps the number of epochs for a run that
            resumes; None without one.

    Raises:
        SettingsError: if the budget is shorter than one epoch.
    """
    settings = pair.settings
    if not settings.budget:
        return pair
    epochs = folder.pinned("epochs") if folder else None
    if epochs is None:
        epochs = within_budget(pair, dataset, auxiliary_models)
        if folder:
            folder.pin(epochs=epochs)
    settings = with_epochs(settings, epochs)
    steps = batches.steps_per_epoch(dataset.train, settings.lit.batch_size)
    return dataclasses.replace(
        pair, settings=settings, steps=settings.lit.total(steps)
    )


def within_budget(
    pair: stages.Pair,
    dataset: data.Dataset,
    auxiliary_models: Mapping[str, keras.Model],
) -> int:
    """Returns the number of epochs that fit into the budget of the settings.

    A few steps of each phase are measured with another student, and the plan is
    printed.

    Args:
        pair: teacher and student, which does not change.
        dataset: the dataset.
        auxiliary_models: the models that belong to the teacher.

    Raises:
        SettingsError: if the budget is shorter than one epoch.
    """
    settings = pair.settings
    started = time.monotonic()
    times = measure(
        dataclasses.replace(pair, student=pair.new_student()),
        dataset,
        auxiliary_models,
    )
    # Measuring is a part of the training that the user waits for.
    spent = time.monotonic() - started
    budget = durations.seconds(settings.budget) - spent
    epochs = 0
    while epochs < _MOST and _seconds(times, settings, epochs + 1) < budget:
        epochs += 1
    if not epochs:
        raise errors.SettingsError(
            "`budget` must be long enough for an epoch, which takes about "
            f"{text_format.duration(_seconds(times, settings, 1))} here, after "
            f"{text_format.duration(spent)} to measure it. "
            f"Received: budget={settings.budget!r}."
        )
    plan = with_epochs(settings, epochs)
    planned = text_format.duration(_PLANNED * _seconds(times, settings, epochs))
    print(
        f"budget    {settings.budget}: {epochs} epochs, of which "
        f"{plan.lit.epochs} in phase lit and {plan.fine_tune.epochs} in phase "
        f"fine_tune, in about {planned}",
        flush=True,
    )
    return epochs


def measure(
    pair: stages.Pair,
    dataset: data.Dataset,
    auxiliary_models: Mapping[str, keras.Model],
) -> dict[str, list[dict[str, Any]]]:
    """Measures a few steps of the stages of each phase.

    Args:
        pair: teacher and student, which is trained.
        dataset: the dataset.
        auxiliary_models: the models that belong to the teacher.

    Returns:
        The results of `step_time.measure` for each stage, by phase.
    """
    times = {phase: [] for phase in _PHASES}
    for stage in student_training.training_stages(
        pair, dataset, auxiliary_models
    ):
        times[stage.phase].append(
            step_time.measure(
                stage.trainer,
                schedule.of(
                    stage.trainer, dataset, getattr(pair.settings, stage.phase)
                ),
                pair.settings.compute,
            )
        )
    return times


def _seconds(times, settings, epochs):
    """Returns the time to allow for so many epochs, in seconds."""
    planned = with_epochs(settings, epochs)
    total = 0.0
    for phase, measured in times.items():
        count = getattr(planned, phase).epochs
        for one in measured if count else ():
            total += count * one["epoch_seconds"] + one["compile_seconds"]
    return total / _PLANNED
