"""What is told of a phase while it runs: how far it is, and how fast."""

import sys
import time

import keras

from lit_tf.utils import text_format

VALIDATION = "val_"
# Of a phase's terms, where it has them.
_SHOWN = ("total", "hard", "soft", "ir", "g_fake", "g_cls", "g_rec", "d_total")


class Meter(keras.callbacks.Callback):
    """Measures examples/s of training, without validation.

    Args:
        batch_size: examples a step.
        examples: of an epoch.
    """

    def __init__(self, batch_size: int, examples: int):
        super().__init__()
        self._batch_size = batch_size
        self._examples = examples

    def on_epoch_begin(self, epoch, logs=None):
        self._begin = time.perf_counter()
        self._spent = 0.0
        self._seen = 0

    def on_train_batch_end(self, batch, logs=None):
        self._spent = time.perf_counter() - self._begin
        self._seen = min((batch + 1) * self._batch_size, self._examples)

    def rate(self) -> float:
        """Returns examples a second since the epoch, or the session, began."""
        return self._seen / self._spent if self._spent else 0.0


class Progress(keras.callbacks.Callback):
    """Prints a line an epoch; on a terminal also how far the epoch is.

    Args:
        phase: the phase's name.
        epochs: of the phase.
        steps: of an epoch.
        reference: the teacher's validation accuracy, or None.
        meter: measures examples/s.
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
        words += [f"{name} {logs[name]:.4g}" for name in _SHOWN if name in logs]
        if "accuracy" in logs:
            words.append(f"train {logs['accuracy']:.2%}")
        if f"{VALIDATION}accuracy" in logs:
            word = f"validation {logs[f'{VALIDATION}accuracy']:.2%}"
            if self._reference is not None:
                word += f" (teacher {self._reference:.2%})"
            words.append(word)
        words.append(f"lr {number(self.model.optimizer.learning_rate):.3g}")
        words.append(f"{self._meter.rate():,.0f} examples/s")
        words.append(f"{text_format.duration(left)} left")
        self._print("  ".join(words), "\n")

    def _print(self, line, end):
        clear = "\r\x1b[K" if self._terminal else ""
        print(clear + line, end=end, flush=True)


def number(variable: keras.Variable) -> float:
    """Returns a scalar variable's value, mirrored over replicas or not."""
    return float(keras.ops.convert_to_numpy(variable))
