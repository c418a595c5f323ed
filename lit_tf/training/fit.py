"""One phase of training, from its last checkpoint to its end."""

import dataclasses
import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from lit_tf import config, errors
from lit_tf.methods import trainer
from lit_tf.training import (
    averages,
    batch_norm_statistics,
    callbacks,
    devices,
    epochs,
    metric_logs,
    optimizers,
    progress,
    run_folder,
    unwritten,
)
from lit_tf.training.checkpoint import Checkpoint, Position
from lit_tf.training.own_training import NOTHING, OwnTraining
from lit_tf.training.schedule import Schedule
from lit_tf.utils import interruption

# (phase name, logs, position, dataset, session, total steps) → callbacks that
# show examples of the phase.
ExtraCallbacks = Callable[..., list[keras.callbacks.Callback]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Student:
    """A student after some epoch.

    Args:
        variables: the values of its variables, in the model's order.
        epoch: the epoch, counted from 1.
        validation_accuracy: its accuracy on validation, or the other score of
            its kind of output (`Outputs.score`); None without a split.
    """

    variables: list[np.ndarray]
    epoch: int
    validation_accuracy: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a phase.

    Args:
        last: the student after the last epoch.
        best: the student with the best score on validation; None without a
            validation split or a score.
        seconds: training time, over all sessions, validation included.
        steps: number of steps taken.
        stopped: whether the phase ended early because the student had become
            worse on validation.
    """

    last: Student
    best: Student | None
    seconds: float
    steps: int
    stopped: bool


def run_phase(
    name: str,
    model: trainer.Trainer,
    schedule: Schedule,
    folder: run_folder.RunFolder | None,
    *,
    compute: config.Compute,
    session: config.Session,
    hparams: Mapping[str, Any],
    extra_callbacks: ExtraCallbacks,
    teacher_accuracy: float | None = None,
    least_score: float | None = None,
    own: OwnTraining = NOTHING,
    fresh_batch_norm: bool = False,
) -> Outcome:
    """Trains through a phase and resumes it where an earlier process stopped.

    Args:
        name: the phase's name, such as "lit"; names checkpoint and logs.
        model: the trainer, created under the run's strategy, not compiled.
        schedule: the phase's steps and batches.
        folder: the run folder; None to write nothing.
        compute: seed, strategy and compiler.
        session: how often to save and to log.
        hparams: the run's settings, for TensorBoard.
        extra_callbacks: creates the callbacks that show examples.
        teacher_accuracy: the teacher's validation accuracy, drawn as a
            reference line; None for no line.
        least_score: score on validation, as of `Outputs.score`; the phase ends
            after the first epoch whose student is below it. None to take all
            steps.
        own: optimizer and callbacks of the user.
        fresh_batch_norm: whether BatchNorm's statistics are estimated anew
            before a validation where they are stale.

    Returns:
        The outcome; `model` holds the last student, with averages in place of
        trained variables if the optimizer keeps some.

    Raises:
        NonFiniteLossError: if a loss became infinite or not a number.
        DataError: if the checkpoint in the folder is damaged.
    """
    # 1. A new phase: fresh optimizer, fresh metrics.
    if schedule.phase.label_smoothing:
        model.smooth_labels(schedule.phase.label_smoothing)
    model.microbatches = schedule.phase.microbatches
    with schedule.strategy.scope():
        model.compile(
            own.new_optimizer() or optimizers.of(schedule.phase),
            jit_compile=devices.jit_compile(compute.jit_compile),
            steps_per_execution=compute.steps_per_execution,
        )

    # 2. The last checkpoint: variables, slots, loss scale, best student.
    checkpoint = (
        Checkpoint(folder.checkpoints / f"{name}.npz", model)
        if folder
        else unwritten.Checkpoint(model)
    )
    position = checkpoint.restore()
    new = position is None
    position = position or Position()
    if position.done:
        print(f"{name:<9} finished earlier")
        return _outcome(model, checkpoint, position)

    # 3. The logs at that checkpoint: what was written after it is cut off.
    logs = (
        metric_logs.MetricLogs(folder, name)
        if folder
        else unwritten.MetricLogs()
    )
    if new:
        logs.begin(hparams)
    else:
        logs.truncate(position.logs)
        epoch, step = divmod(position.step, schedule.steps_per_epoch)
        print(f"{name:<9} resumes after epoch {epoch}, step {step}")
        if step and not schedule.keeps_order():
            print(
                f"{name:<9} the order of the data changes between epochs: the "
                "rest of this one has other examples than without interruption"
            )

    # 4. Callbacks. A new phase has a checkpoint before its first step.
    # With several workers, saving reads the variables of all of them at the
    # same step, so neither the clock nor a signal of one may decide.
    alone = compute.strategy != "multi_worker" and folder is not None
    signals = interruption.Postponed()
    use_averages = averages.UseAverages()
    saver = callbacks.SaveCheckpoints(
        checkpoint,
        position,
        logs,
        steps=schedule.steps_per_epoch,
        total=schedule.total_steps,
        every_minutes=session.checkpoint_minutes if alone else 0,
        every_steps=session.checkpoint_steps,
        signals=signals if alone else None,
        use_averages=use_averages,
        least_score=least_score,
    )
    watching = _callbacks(
        name, schedule, position, logs, session, teacher_accuracy
    )
    watching += extra_callbacks(
        name,
        logs,
        position,
        schedule.dataset,
        session,
        schedule.total_steps,
    )
    if own.optimizer is None:
        watching.append(
            callbacks.SetLearningRate(
                schedule.phase, position, schedule.steps_per_epoch
            )
        )
    if fresh_batch_norm:
        watching.append(batch_norm_statistics.Refresh(schedule, position))
    watching += own.callbacks
    if new:
        saver.save()

    # 5. Train from the next step on, then mark the phase as done.
    with signals:
        epochs.fit(
            model,
            schedule,
            position,
            callbacks=[*watching, saver],
            seed=_seed(compute, name),
            steps_per_execution=compute.steps_per_execution,
            use_averages=use_averages,
        )
    if position.stopped:
        print(
            f"{name:<9} ends after epoch {position.epoch}: its student is "
            f"worse on validation ({position.accuracy:.6f}) than that of the "
            f"phases before ({least_score:.6f})",
            flush=True,
        )
    _check_finite(name, model)
    position.done = True
    saver.save()
    logs.close()
    return _outcome(model, checkpoint, position)


def _check_finite(name, model):
    """Checks what no loss shows: the variables after the last step.

    Raises:
        NonFiniteLossError: if one is infinite or NaN.
    """
    values = averages.student_values(model)
    if not all(np.isfinite(v).all() for v in values if v.dtype.kind == "f"):
        raise errors.NonFiniteLossError(
            f"Phase {name}: a variable of the student is not finite after the "
            "last step. The last good checkpoint is kept. Try a smaller "
            "learning rate or --dtype=float32."
        )


def _seed(compute, name):
    """Returns the seed of a phase: each has its own order of examples."""
    return (compute.seed + zlib.crc32(name.encode())) % 2**31


def _callbacks(name, schedule, position, logs, session, teacher_accuracy):
    """Returns the callbacks of every phase but the saver, which comes last.

    Order matters: position, NaN check, then logging.
    """
    steps, total = schedule.steps_per_epoch, schedule.total_steps
    throughput = progress.Throughput(
        schedule.batch_size, len(schedule.dataset.train)
    )
    reference = {}
    if teacher_accuracy is not None:
        reference["validation/accuracy"] = teacher_accuracy
    return [
        callbacks.TrackPosition(position, steps, total),
        callbacks.StopWhenNotFinite(name, position),
        throughput,
        callbacks.LogMetrics(
            logs,
            position,
            log_steps=session.log_steps,
            throughput=throughput,
            reference=reference,
        ),
        progress.ProgressLine(
            name,
            epochs=math.ceil(total / steps),
            steps=steps,
            reference=teacher_accuracy,
            throughput=throughput,
        ),
    ]


def _outcome(model, checkpoint, position):
    values = averages.student_values(model)
    for variable, average in averages.of(model):
        variable.assign(average)
    last = Student(
        variables=values,
        epoch=position.epoch,
        validation_accuracy=position.accuracy,
    )
    best = None
    if checkpoint.best is not None:
        best = Student(
            variables=checkpoint.best,
            epoch=position.best_epoch,
            validation_accuracy=position.best_accuracy,
        )
    return Outcome(
        last=last,
        best=best,
        seconds=position.seconds,
        steps=position.step,
        stopped=position.stopped,
    )
