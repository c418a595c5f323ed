"""One phase of training, from wherever it stands to its end."""

import dataclasses
import functools
import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from lit_tf import config, data
from lit_tf.data import batches
from lit_tf.methods import trainer
from lit_tf.teacher import cached_outputs
from lit_tf.training import (
    callbacks,
    devices,
    metric_logs,
    optimizers,
    progress,
    run_folder,
)
from lit_tf.training.checkpoint import Checkpoint, Position

# Of the phase's name, its logs, position, data, session and steps.
ExtraCallbacks = Callable[..., list[keras.callbacks.Callback]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Student:
    """A student at an epoch: its variables, and how it did on validation."""

    variables: list[np.ndarray]
    epoch: int
    validation_accuracy: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a phase leaves: its last and its best student, and the time."""

    last: Student
    best: Student | None
    seconds: float


def read_by(
    model: trainer.Trainer, answers: cached_outputs.Answers | None
) -> cached_outputs.Answers:
    """Returns the cached teacher outputs that a trainer reads.

    Args:
        model: the trainer.
        answers: everything that is cached; None without a cache.
    """
    if answers is None or model.teacher is None:
        return cached_outputs.Answers()
    if model.reads_representations:
        return answers
    alone = {
        name: one and dataclasses.replace(one, representations={})
        for name, one in vars(answers).items()
    }
    return cached_outputs.Answers(**alone)


def run(
    name: str,
    model: trainer.Trainer,
    dataset: data.Dataset,
    settings: config.Phase,
    workdir: run_folder.RunFolder,
    *,
    how: config.Run,
    session: config.Session,
    hparams: Mapping[str, Any],
    extra_callbacks: ExtraCallbacks,
    teacher_accuracy: float | None = None,
    answers: cached_outputs.Answers | None = None,
) -> Outcome:
    """Trains through a phase, resuming it where an earlier process left it.

    Args:
        name: "teach", "lit" or "fine_tune"; names checkpoint and logs.
        model: the trainer, made under the run's strategy, not yet compiled.
        dataset: its training and, when there is one, its validation split.
        settings: the phase's.
        workdir: the run folder.
        how: seed and compiler.
        session: how often to save and to log.
        hparams: the run's settings, for TensorBoard.
        watchers: makes what shows the phase's examples (see `tasks`).
        teacher_accuracy: on validation, the line to reach.
        answers: the teacher's, where they are kept.

    Returns:
        The phase's outcome; `model` holds the last student.

    Raises:
        NonFiniteLossError: a loss stopped being a number.
        DataError: the checkpoint in the folder is damaged.
    """
    strategy = model.distribute_strategy
    several = how.strategy == "multi_worker"

    # 1. The trainer as a new phase has it: fresh optimiser, fresh metrics.
    with strategy.scope():
        model.compile(
            optimizers.of(settings),
            jit_compile=devices.jit_compile(how.jit_compile),
            steps_per_execution=how.steps_per_execution,
        )

    # 2. The moment of the last checkpoint: variables, slots, loss scale, best.
    checkpoint = Checkpoint(workdir.checkpoints / f"{name}.npz", model)
    position = checkpoint.restore()
    new = position is None
    position = position or Position()
    if position.done:
        print(f"{name:<9} finished earlier")
        return _outcome(model, checkpoint, position)

    # 3. The logs as they were at that moment: what came after it is cut off.
    logs = metric_logs.Logs(workdir, name)
    batch_size = settings.batch_size * model.batches
    # Of several batches a step, the last would each be next to nothing.
    whole = model.batches > 1
    steps = batches.steps_per_epoch(dataset.train, batch_size, whole=whole)
    total = settings.total(steps)
    if new:
        logs.begin(hparams)
    else:
        logs.cut_back(position.logs)
        epoch, step = divmod(position.step, steps)
        print(f"{name:<9} resumes after epoch {epoch}, step {step}")

    # 4. The callbacks, in this order: who counts, who objects, who tells, and
    #    last who saves.
    meter = progress.Meter(batch_size, len(dataset.train))
    reference = {}
    if teacher_accuracy is not None:
        reference["validation/accuracy"] = teacher_accuracy
    saver = callbacks.Saver(
        checkpoint,
        position,
        logs,
        steps=steps,
        # Saving reads what every worker has, at one step: no clock decides it.
        every_minutes=0 if several else session.checkpoint_minutes,
        every_steps=session.checkpoint_steps,
    )
    everyone = [
        callbacks.Track(position, steps, total),
        callbacks.StopWhenNotFinite(name, position),
        meter,
        callbacks.Rate(settings, position, steps),
        callbacks.Recorder(
            logs,
            position,
            log_steps=session.log_steps,
            meter=meter,
            reference=reference,
        ),
        progress.Progress(
            name,
            epochs=math.ceil(total / steps),
            steps=steps,
            reference=teacher_accuracy,
            meter=meter,
        ),
        *extra_callbacks(name, logs, position, dataset, session, total),
        saver,
    ]

    # 5. A new phase has a checkpoint before its first step.
    if new:
        saver.save()

    # 6. The data from the very next step on; first what is left of an epoch
    #    that was broken off, then the epochs that follow.
    answered = read_by(model, answers)
    validation, validation_steps = None, None
    if dataset.validation is not None:
        validation = batches.distribute(
            functools.partial(
                batches.evaluation,
                dataset.validation,
                batch_size=settings.batch_size,
                task=dataset.task,
                views=answered.validation,
            ),
            strategy,
        )
        validation_steps = batches.steps_per_epoch(
            dataset.validation, settings.batch_size
        )

    def fit(until: int) -> None:
        remaining = functools.partial(
            batches.training,
            dataset.train,
            batch_size=batch_size,
            epochs=until,
            # Each phase has an order of its own.
            seed=(how.seed + zlib.crc32(name.encode())) % 2**31,
            crop=dataset.crop,
            task=dataset.task,
            first_step=position.step,
            last_step=total,
            whole=whole,
            views=answered.train,
        )
        model.fit(
            batches.distribute(remaining, strategy),
            initial_epoch=position.step // steps,
            epochs=until,
            steps_per_epoch=min(
                steps - position.step % steps, total - position.step
            ),
            validation_data=validation,
            validation_steps=validation_steps,
            callbacks=everyone,
            verbose=0,
            shuffle=False,
        )

    # Keras runs whole executions: one that does not end with the epoch would
    # reach into the next, so then each epoch has a `fit` of its own. So has one
    # that was begun, and one that the phase ends within.
    ends = steps % how.steps_per_execution == 0
    while position.step < total:
        epoch, begun = divmod(position.step, steps)
        together = total // steps if ends and not begun else 0
        fit(until=max(together, epoch + 1))

    # 7. The phase is over, and says so to whoever comes later.
    position.done = True
    saver.save()
    logs.close()
    return _outcome(model, checkpoint, position)


def _outcome(model, checkpoint, position):
    last = Student(
        variables=[v.numpy() for v in model.student.variables],
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
    return Outcome(last=last, best=best, seconds=position.seconds)
