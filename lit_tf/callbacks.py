"""What watches a phase: each callback is one idea, *when* apart from *what*."""

import math
import sys
import time
from collections.abc import Mapping

import keras

from lit_tf import checkpoints, errors
from lit_tf import logs as logging

_VALIDATION = "val_"


class Track(keras.callbacks.Callback):
    """Keeps the position's step and epoch. It comes first in the list.

    Args:
        position: where the phase is.
    """

    def __init__(self, position: checkpoints.Position):
        super().__init__()
        self._position = position

    def on_epoch_begin(self, epoch, logs=None):
        # `fit` counts batches from where it began, which after a resumption is
        # within the epoch.
        self._before = self._position.step
        self._position.epoch = epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        self._position.step = self._before + batch + 1


class StopWhenNotFinite(keras.callbacks.Callback):
    """Stops at the step whose loss is infinite or not a number.

    A float16 *gradient* that overflows is normal and passes: the loss scale
    sees to it.

    Args:
        phase: the phase's name, for the message.
        position: where the phase is.
    """

    def __init__(self, phase: str, position: checkpoints.Position):
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


class Recorder(keras.callbacks.Callback):
    """Writes every scalar of a phase to its logs.

    Args:
        logs: where to.
        position: where the phase is.
        log_steps: steps between two rows within an epoch; 0 for none.
        meter: measures images/s.
        reference: the teacher's scalars by tag, drawn beside the student's.
    """

    def __init__(
        self,
        logs: logging.Logs,
        position: checkpoints.Position,
        *,
        log_steps: int,
        meter: "Meter",
        reference: Mapping[str, float],
    ):
        super().__init__()
        self._logs = logs
        self._position = position
        self._log_steps = log_steps
        self._meter = meter
        self._reference = reference

    def on_train_batch_end(self, batch, logs=None):
        if self._log_steps and self._position.step % self._log_steps == 0:
            self._write(logs)

    def on_epoch_end(self, epoch, logs=None):
        self._write(logs)
        self._logs.reference(self._position.step, self._reference)

    def _write(self, logs):
        optimizer = self.model.optimizer
        scalars = {_tag(name): float(value) for name, value in logs.items()}
        scalars["learning_rate"] = _number(optimizer.learning_rate)
        scale = getattr(optimizer, "dynamic_scale", None)
        if scale is not None:
            scalars["loss_scale"] = _number(scale)
        scalars["images_per_second"] = self._meter.rate()
        self._logs.write(self._position.step, self._position.epoch, scalars)


class Meter(keras.callbacks.Callback):
    """Measures images/s of training, without validation.

    Args:
        batch_size: images a step.
        images: images an epoch.
    """

    def __init__(self, batch_size: int, images: int):
        super().__init__()
        self._batch_size = batch_size
        self._images = images

    def on_epoch_begin(self, epoch, logs=None):
        self._begin = time.perf_counter()
        self._spent = 0.0
        self._seen = 0

    def on_train_batch_end(self, batch, logs=None):
        self._spent = time.perf_counter() - self._begin
        self._seen = min((batch + 1) * self._batch_size, self._images)

    def rate(self) -> float:
        """Returns images a second since the epoch, or the session, began."""
        return self._seen / self._spent if self._spent else 0.0


class Progress(keras.callbacks.Callback):
    """Prints a line an epoch; on a terminal also how far the epoch is.

    Args:
        phase: the phase's name.
        epochs: of the phase.
        steps: of an epoch.
        reference: the teacher's validation accuracy, or None.
        meter: measures images/s.
    """

    def __init__(
        self,
        phase: str,
        *,
        epochs: int,
        steps: int,
        reference: float | None,
        meter: Meter,
    ):
        super().__init__()
        self._phase = phase
        self._epochs = epochs
        self._steps = steps
        self._reference = reference
        self._meter = meter
        self._terminal = sys.stdout.isatty()
        self._whole_epochs = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._head = f"{self._phase:<9} {epoch + 1:>3}/{self._epochs}"
        self._shown = time.monotonic()
        self._begin = getattr(self, "_begin", self._shown)

    def on_train_batch_end(self, batch, logs=None):
        if self._terminal and time.monotonic() - self._shown > 0.5:
            self._shown = time.monotonic()
            self._print(f"{self._head}  step {batch + 1}/{self._steps}", "\r")

    def on_epoch_end(self, epoch, logs=None):
        self._whole_epochs += 1
        each = (time.monotonic() - self._begin) / self._whole_epochs
        left = each * (self._epochs - epoch - 1)
        words = [self._head]
        words += [
            f"{name} {logs[name]:.4g}"
            for name in ("total", "hard", "soft", "ir")
            if name in logs
        ]
        words.append(f"train {logs['accuracy']:.2%}")
        if f"{_VALIDATION}accuracy" in logs:
            word = f"validation {logs[f'{_VALIDATION}accuracy']:.2%}"
            if self._reference is not None:
                word += f" (teacher {self._reference:.2%})"
            words.append(word)
        words.append(f"lr {_number(self.model.optimizer.learning_rate):.3g}")
        words.append(f"{self._meter.rate():,.0f} images/s")
        words.append(f"{duration(left)} left")
        self._print("  ".join(words), "\n")

    def _print(self, line, end):
        clear = "\r\x1b[K" if self._terminal else ""
        print(clear + line, end=end, flush=True)


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
        checkpoint: checkpoints.Checkpoint,
        position: checkpoints.Position,
        logs: logging.Logs,
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
        self._every_steps = every_steps
        self._session = time.monotonic() - position.seconds
        self._saved = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        if self._position.step % self._steps:  # Resumed within this epoch.
            self._checkpoint.restore_metrics()

    def on_train_batch_end(self, batch, logs=None):
        step = self._position.step
        if step % self._steps == 0:
            return  # The epoch's end will see to it.
        late = time.monotonic() - self._saved > self._every_seconds > 0
        due = self._every_steps and step % self._every_steps == 0
        if late or due:
            self.save()

    def on_epoch_end(self, epoch, logs=None):
        position = self._position
        accuracy = logs.get(f"{_VALIDATION}accuracy")
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


def duration(seconds: float) -> str:
    """Returns a time as a person says it: 0:09, 12:30, 3:05:00."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{seconds:02}"
    return f"{minutes}:{seconds:02}"


def _number(variable):
    # A variable may be mirrored over replicas.
    return float(keras.ops.convert_to_numpy(variable))


def _tag(name):
    if name.startswith(_VALIDATION):
        return "validation/" + name.removeprefix(_VALIDATION)
    return name


def _where(name):
    section, _, rest = name.partition("/")
    if rest:
        stream = (
            "teacher-fed" if rest.endswith("teacher_fed") else "student-fed"
        )
        return f"the {stream} penalty of {section.replace('_', ' ')}"
    return f"the {name} loss"
