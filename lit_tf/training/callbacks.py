"""What watches a phase: each callback is one idea, *when* apart from *what*."""

import math
import time
from collections.abc import Mapping

import keras

from lit_tf import config, errors
from lit_tf.training import metric_logs, progress
from lit_tf.training.checkpoint import Checkpoint, Position


class Track(keras.callbacks.Callback):
    """Keeps the position's step and epoch. It comes first in the list.

    Args:
        position: where the phase is.
        steps: of an epoch.
        total: of the phase.
    """

    def __init__(self, position: Position, steps: int, total: int):
        super().__init__()
        self._position = position
        self._steps = steps
        self._total = total

    def on_epoch_begin(self, epoch, logs=None):
        # `fit` counts batches from where it began, which after a resumption is
        # within the epoch.
        self._before = self._position.step
        self._position.epoch = epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        # Keras counts the steps of a whole execution, also where the epoch or
        # the phase, and with it the execution, ended earlier.
        end = min(self._position.epoch * self._steps, self._total)
        self._position.step = min(self._before + batch + 1, end)


class Every:
    """Tells when as many steps have passed as there are to be between two.

    Args:
        steps: between two; 0 for never.
        step: the present one.
    """

    def __init__(self, steps: int, step: int):
        self._steps = steps
        self._last = step

    def due(self, step: int) -> bool:
        # An execution of several steps may pass by the very one.
        last, self._last = self._last, step
        return bool(self._steps) and step // self._steps > last // self._steps


class StopWhenNotFinite(keras.callbacks.Callback):
    """Stops at the step whose loss is infinite or not a number.

    A float16 *gradient* that overflows is normal and passes: the loss scale
    sees to it.

    Args:
        phase: the phase's name, for the message.
        position: where the phase is.
    """

    def __init__(self, phase: str, position: Position):
        super().__init__()
        self._phase = phase
        self._position = position

    def on_train_batch_end(self, batch, logs=None):
        # Terms come in the order in which one spoils the next: the first that
        # is not finite is where it began.
        for name in self.model.term_names:
            if not math.isfinite(logs[name]):
                raise errors.NonFiniteLossError(
                    f"Phase {self._phase}, epoch {self._position.epoch}, step "
                    f"{self._position.step}: {_where(name)} is not finite "
                    f"({float(logs[name])}). The last good checkpoint is kept. "
                    "A smaller learning rate, or --dtype=float32, may help."
                )


class Rate(keras.callbacks.Callback):
    """Gives every optimiser the learning rate of the step to come.

    Args:
        settings: of the phase.
        position: where the phase is.
        steps: of an epoch.
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


class Recorder(keras.callbacks.Callback):
    """Writes every scalar of a phase to its logs.

    Args:
        logs: where to.
        position: where the phase is.
        log_steps: steps between two rows within an epoch; 0 for none.
        meter: measures examples/s.
        reference: the teacher's scalars by tag, drawn beside the student's.
    """

    def __init__(
        self,
        logs: metric_logs.Logs,
        position: Position,
        *,
        log_steps: int,
        meter: progress.Meter,
        reference: Mapping[str, float],
    ):
        super().__init__()
        self._logs = logs
        self._position = position
        self._every = Every(log_steps, position.step)
        self._meter = meter
        self._reference = reference

    def on_train_batch_end(self, batch, logs=None):
        if self._every.due(self._position.step):
            self._write(logs)

    def on_epoch_end(self, epoch, logs=None):
        self._write(logs)
        self._logs.reference(self._position.step, self._reference)

    def _write(self, logs):
        optimizer = self.model.optimizer
        scalars = {_tag(name): float(value) for name, value in logs.items()}
        scalars["learning_rate"] = progress.number(optimizer.learning_rate)
        scale = getattr(optimizer, "dynamic_scale", None)
        if scale is not None:
            scalars["loss_scale"] = progress.number(scale)
        scalars["examples_per_second"] = self._meter.rate()
        self._logs.write(self._position.step, self._position.epoch, scalars)


class Saver(keras.callbacks.Callback):
    """Keeps the position and the best student, and writes checkpoints.

    It comes last in the list: what it writes has passed the others.

    Args:
        checkpoint: the phase's.
        position: where the phase is; accuracies and time are kept here.
        logs: whose sizes go into each checkpoint.
        steps: of an epoch.
        every_minutes: between checkpoints within an epoch; 0 for none.
        every_steps: likewise.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        position: Position,
        logs: metric_logs.Logs,
        *,
        steps: int,
        every_minutes: float,
        every_steps: int,
    ):
        super().__init__()
        self._checkpoint = checkpoint
        self._position = position
        self._logs = logs
        self._steps = steps
        self._every_seconds = 60 * every_minutes
        self._every = Every(every_steps, position.step)
        self._session = time.monotonic() - position.seconds
        self._saved = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        if self._position.step % self._steps:  # Resumed within this epoch.
            self._checkpoint.restore_metrics()

    def on_train_batch_end(self, batch, logs=None):
        due = self._every.due(self._position.step)
        if self._position.step % self._steps == 0:
            return  # The epoch's end will see to it.
        late = time.monotonic() - self._saved > self._every_seconds > 0
        if late or due:
            self.save()

    def on_epoch_end(self, epoch, logs=None):
        position = self._position
        accuracy = logs.get(f"{progress.VALIDATION}accuracy")
        if accuracy is not None:
            position.accuracy = float(accuracy)
            best = position.best_accuracy
            # Of equals the latest: it was trained longer, at a lower rate.
            if best is None or position.accuracy >= best:
                position.best_accuracy = position.accuracy
                position.best_epoch = epoch + 1
                self._checkpoint.keep_best()
        self.save()

    def save(self) -> None:
        """Writes a checkpoint of this moment."""
        self._position.seconds = time.monotonic() - self._session
        self._position.logs = self._logs.sizes()
        self._checkpoint.save(self._position)
        self._saved = time.monotonic()


def _tag(name):
    if name.startswith(progress.VALIDATION):
        return "validation/" + name.removeprefix(progress.VALIDATION)
    return name


def _where(name):
    section, _, rest = name.partition("/")
    if rest:
        stream = rest.removeprefix("penalty_").replace("_", "-")
        return f"the {stream} penalty of {section.replace('_', ' ')}"
    return f"the {name} loss"
