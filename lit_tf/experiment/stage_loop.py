"""The loop over the stages of a method, which trains a student."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

from lit_tf import data
from lit_tf.experiment import budget, results, student_training
from lit_tf.methods import stages
from lit_tf.training import fit, run_folder, schedule
from lit_tf.training.own_training import NOTHING, OwnTraining


def train(
    pair: stages.Pair,
    dataset: data.Dataset,
    auxiliary_models: Mapping[str, keras.Model],
    folder: run_folder.RunFolder | None,
    *,
    hparams: Mapping[str, Any],
    extra_callbacks: fit.ExtraCallbacks,
    teacher_accuracy: float | None,
    own_training: Callable[[str], OwnTraining] = lambda name: NOTHING,
) -> tuple[list[tuple[stages.Stage, fit.Outcome]], dict[str, dict[str, Any]]]:
    """Trains the student through the stages of its method.

    Args:
        pair: teacher and student; its settings are those of the run.
        dataset: the dataset.
        auxiliary_models: the models that belong to the teacher.
        folder: the run folder; None to write nothing.
        hparams: the run's settings, for TensorBoard.
        extra_callbacks: creates the callbacks that show examples.
        teacher_accuracy: the teacher's accuracy on validation, or None.
        own_training: returns optimizer and callbacks of the user for a stage,
            by its name; none by default.

    Returns:
        Each stage with its outcome, in order; and the budget of each stage by
        name, empty without a run folder.
    """
    settings = pair.settings
    outcomes, spent = [], {}
    cached = student_training.cached(pair, dataset)
    for stage in student_training.training_stages(
        pair, dataset, auxiliary_models
    ):
        steps = schedule.of(
            stage.trainer,
            dataset,
            getattr(settings, stage.phase),
            cached=cached,
        )
        outcome = fit.run_phase(
            stage.name,
            stage.trainer,
            steps,
            folder,
            compute=settings.compute,
            session=settings.session,
            hparams=hparams,
            extra_callbacks=extra_callbacks,
            teacher_accuracy=teacher_accuracy,
            least_score=results.least_score(settings.export, stage, outcomes),
            own=own_training(stage.name),
            fresh_batch_norm=settings.fresh_batch_norm,
        )
        outcomes.append((stage, outcome))
        if folder:
            spent[stage.name] = budget.phase_budget(
                stage.trainer,
                steps,
                steps=outcome.steps,
                seconds=outcome.seconds,
            )
    return outcomes, spent
