"""Callbacks of a phase, in the order in which `fit` calls them."""

import math
import time
from collections.abc import Mapping

import keras

from lit_tf import config, errors
from lit_tf.training import averages, metric_logs, progress
from lit_tf.training.checkpoint import Checkpoint, Position
from lit_tf.utils import interruption


class TrackPosition(keras.callbacks.Callback):
    """Updates the position's step and epoch. It must come first in the list.

    Args:
        position: the position of the phase.
        steps: number of steps per epoch.
        total: number of steps of the phase.
    """

    def __init__(self, position: Position, steps: int, total: int):
        super().__init__()
        self._position = position
        self._steps = steps
        self._total = total

    def on_epoch_begin(self, epoch, logs=None):
        # `fit` counts batches from where it began. After a resumption, that is
        # in the middle of the epoch.
        self._before = self._position.step
        self._position.epoch = epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        # Keras counts all steps of an execution, even if the epoch or the phase
        # ended within it.
        end = self._end_of_epoch()
        self._position.step = min(self._before + batch + 1, end)

    def on_epoch_end(self, epoch, logs=None):
        position = self._position
        if (
            position.step < self._end_of_epoch()
            and not self.model.stop_training
        ):
            done = position.step - epoch * self._steps
            raise errors.DataError(
                f"The training data ended early, after batch {done} of "
                f"{self._steps} in epoch {epoch + 1}. Data without an end must "
                "yield the batches of all epochs."
            )

    def _end_of_epoch(self):
        return min(self._position.epoch * self._steps, self._total)


class StepInterval:
    """Decides when the next event is due, for events every n steps.

    Args:
        steps: number of steps between two events; 0 for no events.
        step: the current step.
    """

    def __init__(self, steps: int, step: int):
        self._steps = steps
        self._last = step

    def due(self, step: int) -> bool:
        """Returns whether an event was due since the last call.

        Args:
            step: the current step. It may have passed the exact step of the
                event, because an execution may consist of several steps.
        """
        last, self._last = self._last, step
        return bool(self._steps) and step // self._steps > last // self._steps


class StopWhenNotFinite(keras.callbacks.Callback):
    """Stops training when a loss is infinite or NaN.

    Gradients are not checked: in float16 some overflow normally, and the loss
    scale handles them.

    Args:
        phase: name of the phase, for the message.
        position: the position of the phase.
    """

    def __init__(self, phase: str, position: Position):
        super().__init__()
        self._phase = phase
        self._position = position

    def on_train_batch_end(self, batch, logs=None):
        # The names are in dependency order, so the first loss that is not
        # finite is the cause.
        for name in self.model.term_names:
            if not math.isfinite(logs[name]):
                raise errors.NonFiniteLossError(
                    f"Phase {self._phase}, epoch {self._position.epoch}, step "
                    f"{self._position.step}: {_describe(name)} is not finite "
                    f"({float(logs[name])}). The last good checkpoint is kept. "
                    "Try a smaller learning rate or --dtype=float32."
                )


class SetLearningRate(keras.callbacks.Callback):
    """Sets the learning rate of all optimizers before each step.

    Args:
        settings: the settings of the phase.
        position: the position of the phase.
        steps: number of steps per epoch.
    """

    def __init__(self, settings: config.Phase, position: Position, steps: int):
        super().__init__()
        self._settings = settings
        self._position = position
        self._steps = steps
        self._rate = None

    def on_train_batch_begin(self, batch, logs=None):
        rate = self._settings.rate(self._position.step, self._steps)
        if rate != self._rate:
            self._rate = rate
            for optimizer in self.model.optimizers:
                optimizer.learning_rate = rate


class LogMetrics(keras.callbacks.Callback):
    """Writes the metrics of a phase to its logs.

    Args:
        logs: the logs to write to.
        position: the position of the phase.
        log_steps: number of steps between two rows within an epoch; 0 to write
            at the end of each epoch only.
        throughput: measures examples/s.
        reference: the teacher's metrics by tag, shown next to the student's.
    """

    def __init__(
        self,
        logs: metric_logs.MetricLogs,
        position: Position,
        *,
        log_steps: int,
        throughput: progress.Throughput,
        reference: Mapping[str, float],
    ):
        super().__init__()
        self._logs = logs
        self._position = position
        self._interval = StepInterval(log_steps, position.step)
        self._throughput = throughput
        self._reference = reference

    def on_train_batch_end(self, batch, logs=None):
        if self._interval.due(self._position.step):
            self._write(logs)

    def on_epoch_end(self, epoch, logs=None):
        self._write(logs)
        self._logs.write_reference(self._position.step, self._reference)

    def _write(self, logs):
        optimizer = self.model.optimizer
        scalars = {_tag(name): float(value) for name, value in logs.items()}
        scalars["learning_rate"] = progress.number(optimizer.learning_rate)
        scale = getattr(optimizer, "dynamic_scale", None)
        if scale is not None:
            scalars["loss_scale"] = progress.number(scale)
        scalars["examples_per_second"] = self._throughput.rate()
        self._logs.write(self._position.step, self._position.epoch, scalars)


class SaveCheckpoints(keras.callbacks.Callback):
    """Writes checkpoints and keeps the best student.

    It must come last in the list, so that a checkpoint is written only after
    the NaN check and after the logs that it refers to.

    Args:
        checkpoint: the checkpoint of the phase.
        position: the position of the phase. This callback updates its
            accuracies and its time.
        logs: the logs whose sizes each checkpoint stores.
        steps: number of steps per epoch.
        every_minutes: minutes between two checkpoints within an epoch; 0 to
            ignore the time.
        every_steps: number of steps between two checkpoints within an epoch; 0
            to ignore the number of steps.
        total: number of steps of the phase.
        signals: signals that end the process. From the first step on they wait
            until a checkpoint of all steps is written; None to postpone none.
        use_averages: the callback that validates averages.
        least_score: the score on validation below which the phase ends; None
            for none.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        position: Position,
        logs: metric_logs.MetricLogs,
        *,
        steps: int,
        total: int,
        every_minutes: float,
        every_steps: int,
        signals: interruption.Postponed | None,
        use_averages: averages.UseAverages,
        least_score: float | None = None,
    ):
        super().__init__()
        self._checkpoint = checkpoint
        self._position = position
        self._logs = logs
        self._steps = steps
        self._total = total
        self._signals = signals
        self._use_averages = use_averages
        self._least_score = least_score
        self._every_seconds = 60 * every_minutes
        self._interval = StepInterval(every_steps, position.step)
        self._session = time.monotonic() - position.seconds
        self._saved = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        if self._position.step % self._steps:  # Resumed within this epoch.
            self._checkpoint.restore_metrics()

    def on_train_batch_end(self, batch, logs=None):
        position = self._position
        if self._signals is not None:
            self._signals.begin()
        if position.step % self._steps == 0 or position.step == self._total:
            # Only the validation is left, after which `on_epoch_end` saves.
            position.epoch_logs = {k: float(v) for k, v in logs.items()}
        due = self._interval.due(position.step)
        late = time.monotonic() - self._saved > self._every_seconds > 0
        self._end_if_asked()
        if (late or due) and position.epoch_logs is None:
            self.save()

    def on_test_batch_end(self, batch, logs=None):
        self._end_if_asked()

    def on_epoch_end(self, epoch, logs=None):
        position = self._position
        position.epoch_logs = None
        score = self.model.outputs.score(logs)
        if score is not None:
            position.accuracy = float(score)
            best = position.best_accuracy
            # Of equally good students, keep the latest: it was trained longer
            # and at a lower rate.
            if best is None or position.accuracy >= best:
                position.best_accuracy = position.accuracy
                position.best_epoch = epoch + 1
                self._checkpoint.keep_best()
            least = self._least_score
            if least is not None and position.accuracy < least:
                position.stopped = self.model.stop_training = True
        self._end_if_asked()
        self.save()

    def _end_if_asked(self):
        """Saves and ends the process if a signal asked for it."""
        if self._signals is not None and self._signals.noticed():
            self._use_averages.put_back()  # Within a validation.
            self.save()
            self._signals.deliver()

    def save(self) -> None:
        """Writes a checkpoint of the current position."""
        self._position.seconds = time.monotonic() - self._session
        self._position.logs = self._logs.sizes()
        self._checkpoint.save(self._position)
        self._saved = time.monotonic()


def _tag(name):
    if name.startswith(progress.VALIDATION):
        return "validation/" + name.removeprefix(progress.VALIDATION)
    return name


def _describe(name):
    section, _, rest = name.partition("/")
    if rest:
        stream = rest.removeprefix("penalty_").replace("_", "-")
        return f"the {stream} penalty of {section.replace('_', ' ')}"
    return f"the {name} loss"
