"""The epochs of a phase, from any step to its last."""

from collections.abc import Sequence

import keras

from lit_tf.methods import trainer
from lit_tf.training import averages, progress
from lit_tf.training.checkpoint import Position
from lit_tf.training.schedule import Schedule


def fit(
    model: trainer.Trainer,
    schedule: Schedule,
    position: Position,
    *,
    callbacks: Sequence[keras.callbacks.Callback],
    seed: int,
    steps_per_execution: int,
    use_averages: averages.UseAverages,
) -> None:
    """Calls `fit` of a trainer until the phase's last step.

    Keras runs whole executions. An execution that does not end with the epoch
    would reach into the next one; then each epoch needs a `fit` of its own. So
    does an epoch that was interrupted, and one within which the phase ends.

    Args:
        model: the compiled trainer.
        schedule: the phase's steps and batches.
        position: where to begin; a callback updates it.
        callbacks: the callbacks of the phase.
        seed: seed of order and augmentation.
        steps_per_execution: number of steps of a call of the training function.
        use_averages: the callback that validates averages.
    """
    callbacks = [use_averages, *callbacks]
    steps, total = schedule.steps_per_epoch, schedule.total_steps
    validation = schedule.validation()
    if position.epoch_logs is not None:
        _end_epoch(model, schedule, position, validation, callbacks)
        use_averages.put_back()
        if model.stop_training:
            return
    aligned = steps % steps_per_execution == 0
    while position.step < total and not position.stopped:
        epoch, within = divmod(position.step, steps)
        whole_epochs = total // steps if aligned and not within else 0
        until = max(whole_epochs, epoch + 1)
        model.fit(
            schedule.training(
                epochs=until,
                seed=seed,
                first_step=position.step,
                last_step=total,
            ),
            initial_epoch=epoch,
            epochs=until,
            steps_per_epoch=min(steps - within, total - position.step),
            validation_data=validation,
            validation_steps=schedule.validation_steps,
            callbacks=callbacks,
            verbose=0,
            shuffle=False,
        )
        use_averages.put_back()
        if model.stop_training:  # A callback of the user asked for it.
            return


def _end_epoch(model, schedule, position, validation, callbacks):
    """Validates after an epoch at whose last step the process ended."""
    logs = dict(position.epoch_logs)
    listed = keras.callbacks.CallbackList(callbacks, model=model)
    model.stop_training = False  # As `fit` begins, and as it ends.
    listed.on_train_begin()
    listed.on_epoch_begin(position.epoch - 1)
    if validation is not None:
        results = model.evaluate(
            validation,
            steps=schedule.validation_steps,
            callbacks=listed,
            verbose=0,
            return_dict=True,
        )
        logs |= {
            f"{progress.VALIDATION}{name}": value
            for name, value in results.items()
        }
    listed.on_epoch_end(position.epoch - 1, logs)
    listed.on_train_end(logs)
