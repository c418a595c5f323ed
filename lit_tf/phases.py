"""One phase of training, from wherever it stands to its end."""

import dataclasses
import functools
import zlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from lit_tf import answers as kept
from lit_tf import (
    callbacks,
    checkpoints,
    config,
    data,
    devices,
    optimizers,
    progress,
    trainer,
)
from lit_tf import logs as logging
from lit_tf import workdir as workdirs
from lit_tf.data import batches


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


def run(
    name: str,
    model: trainer.Trainer,
    dataset: data.Dataset,
    settings: config.Phase,
    workdir: workdirs.Workdir,
    *,
    how: config.Run,
    session: config.Session,
    hparams: Mapping[str, Any],
    teacher_accuracy: float | None = None,
    answers: kept.Answers | None = None,
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
            optimizers.SGD(
                settings.learning_rate,
                momentum=settings.momentum,
                weight_decay=settings.weight_decay,
            ),
            jit_compile=devices.jit_compile(how.jit_compile),
            steps_per_execution=how.steps_per_execution,
        )

    # 2. The moment of the last checkpoint: variables, slots, loss scale, best.
    checkpoint = checkpoints.Checkpoint(
        workdir.checkpoints / f"{name}.npz", model
    )
    position = checkpoint.restore()
    new = position is None
    position = position or checkpoints.Position()
    if position.done:
        print(f"{name:<9} finished earlier")
        return _outcome(model, checkpoint, position)

    # 3. The logs as they were at that moment: what came after it is cut off.
    logs = logging.Logs(workdir, name)
    steps = batches.steps_per_epoch(dataset.train, settings.batch_size)
    if new:
        logs.begin(hparams)
    else:
        logs.cut_back(position.logs)
        epoch, step = divmod(position.step, steps)
        print(f"{name:<9} resumes after epoch {epoch}, step {step}")

    # 4. The callbacks, in this order: who counts, who objects, who tells, and
    #    last who saves.
    meter = progress.Meter(settings.batch_size, len(dataset.train))
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
    watchers = [
        callbacks.Track(position, steps),
        callbacks.StopWhenNotFinite(name, position),
        meter,
        keras.callbacks.LearningRateScheduler(
            lambda epoch, _: settings.rate(epoch)
        ),
        callbacks.Recorder(
            logs,
            position,
            log_steps=session.log_steps,
            meter=meter,
            reference=reference,
        ),
        progress.Progress(
            name,
            epochs=settings.epochs,
            steps=steps,
            reference=teacher_accuracy,
            meter=meter,
        ),
        saver,
    ]

    # 5. A new phase has a checkpoint before its first step.
    if new:
        saver.save()

    # 6. The data from the very next step on; first what is left of an epoch
    #    that was broken off, then the epochs that follow.
    answered = kept.read_by(model, answers)
    validation, validation_steps = None, None
    if dataset.validation is not None:
        validation = batches.distribute(
            functools.partial(
                batches.evaluation,
                dataset.validation,
                batch_size=settings.batch_size,
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
            batch_size=settings.batch_size,
            epochs=until,
            # Each phase has an order of its own.
            seed=(how.seed + zlib.crc32(name.encode())) % 2**31,
            crop=dataset.crop,
            first_step=position.step,
            views=answered.train,
        )
        model.fit(
            batches.distribute(remaining, strategy),
            initial_epoch=position.step // steps,
            epochs=until,
            steps_per_epoch=steps - position.step % steps,
            validation_data=validation,
            validation_steps=validation_steps,
            callbacks=watchers,
            verbose=0,
            shuffle=False,
        )

    # Keras runs whole executions: one that does not end with the epoch would
    # reach into the next, so then each epoch has a `fit` of its own.
    ends = steps % how.steps_per_execution == 0
    while position.step < steps * settings.epochs:
        begun = position.step % steps
        next_epoch = position.step // steps + 1
        fit(until=settings.epochs if ends and not begun else next_epoch)

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
