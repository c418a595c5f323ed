"""Progress line: epoch, losses, accuracy, learning rate, throughput, ETA."""

import sys
import time

import keras

from lit_tf.utils import text_format

VALIDATION = "val_"  # The prefix of Keras's validation metrics.
# Losses to print, if the phase has them.
_LOSSES = ("total", "hard", "soft", "ir", "g_fake", "g_cls", "g_rec", "d_total")
_REFRESH = 0.5  # Seconds between two updates of the line within an epoch.


class Throughput(keras.callbacks.Callback):
    """Measures the throughput of training in examples/s, without validation.

    Args:
        batch_size: number of examples per step.
        examples: number of examples per epoch.
    """

    def __init__(self, batch_size: int, examples: int):
        super().__init__()
        self._batch_size = batch_size
        self._examples = examples

    def on_epoch_begin(self, epoch, logs=None):
        self._begin = time.perf_counter()
        self._seconds = 0.0
        self._seen = 0

    def on_train_batch_end(self, batch, logs=None):
        self._seconds = time.perf_counter() - self._begin
        self._seen = min((batch + 1) * self._batch_size, self._examples)

    def rate(self) -> float:
        """Returns examples/s since the start of the epoch or of the session."""
        return self._seen / self._seconds if self._seconds else 0.0


class ProgressLine(keras.callbacks.Callback):
    """Prints a line per epoch and, on a terminal, the step within the epoch.

    Args:
        phase: name of the phase.
        epochs: number of epochs of the phase.
        steps: number of steps per epoch.
        reference: the teacher's validation accuracy, or None.
        throughput: measures examples/s.
    """

    def __init__(
        self,
        phase: str,
        *,
        epochs: int,
        steps: int,
        reference: float | None,
        throughput: Throughput,
    ):
        super().__init__()
        self._phase = phase
        self._epochs = epochs
        self._steps = steps
        self._reference = reference
        self._throughput = throughput
        # A log that takes the place of the terminal may lack it.
        self._terminal = getattr(sys.stdout, "isatty", bool)()
        self._whole_epochs = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._head = f"{self._phase:<9} {epoch + 1:>3}/{self._epochs}"
        self._shown = time.monotonic()
        self._begin = getattr(self, "_begin", self._shown)

    def on_train_batch_end(self, batch, logs=None):
        if self._terminal and time.monotonic() - self._shown > _REFRESH:
            self._shown = time.monotonic()
            self._print(f"{self._head}  step {batch + 1}/{self._steps}", "\r")

    def on_epoch_end(self, epoch, logs=None):
        self._whole_epochs += 1
        seconds = (time.monotonic() - self._begin) / self._whole_epochs
        left = seconds * (self._epochs - epoch - 1)
        parts = [self._head]
        parts += [f"{x} {logs[x]:.4g}" for x in _LOSSES if x in logs]
        if "accuracy" in logs:
            parts.append(f"train {logs['accuracy']:.2%}")
        if f"{VALIDATION}accuracy" in logs:
            part = f"validation {logs[f'{VALIDATION}accuracy']:.2%}"
            if self._reference is not None:
                part += f" (teacher {self._reference:.2%})"
            parts.append(part)
        elif f"{VALIDATION}soft" in logs:
            parts.append(f"validation soft {logs[f'{VALIDATION}soft']:.4g}")
        parts.append(f"lr {number(self.model.optimizer.learning_rate):.3g}")
        parts.append(f"{self._throughput.rate():,.0f} examples/s")
        parts.append(f"{text_format.duration(left)} left")
        self._print("  ".join(parts), "\n")

    def _print(self, line, end):
        clear = "\r\x1b[K" if self._terminal else ""
        print(clear + line, end=end, flush=True)


def number(variable: keras.Variable) -> float:
    """Returns the value of a scalar variable, which may be mirrored."""
    return float(keras.ops.convert_to_numpy(variable))
