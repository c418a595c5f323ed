"""Signals that end a run: Ctrl-C, a batch system, a closed terminal."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A batch system sends SIGKILL some time after SIGTERM, often 30 seconds.
SECONDS = 10
_RETRY_SECONDS = 0.05
# Set once the program has noticed a signal and is about to end.
_noticed = threading.Event()
# The exceptions that signals have raised in this process.
_raised: list["Interrupted"] = []


class Interrupted(KeyboardInterrupt):
    """A signal asked this process to end.

    Args:
        number: the number of the signal.
    """

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


def outcome(error: KeyboardInterrupt) -> tuple[str, int]:
    """Returns a sentence about an interruption and its exit code."""
    number = getattr(error, "number", signal.SIGINT)
    if number == signal.SIGINT:
        return "interrupted.", 128 + number
    return f"ended by {signal.Signals(number).name}.", 128 + number


@contextlib.contextmanager
def raised(leave: Callable[[Interrupted], None]) -> Iterator[None]:
    """Makes each of the signals raise `Interrupted` in the context.

    Python handles a signal only between two of its own instructions. A long
    call of TensorFlow, for instance one that waits for another machine, would
    delay it. A thread therefore ends the process if the main thread has not
    noticed the signal after ten seconds.

    A signal that is ignored, as by `nohup`, stays ignored. After the context,
    the signals end the process at once.

    Args:
        leave: a function that the thread calls before it ends the process. It
            may print a message.
    """
    numbers = [n for n in SIGNALS if signal.getsignal(n) != signal.SIG_IGN]
    received, written = os.pipe()
    os.set_blocking(written, False)
    signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    threading.Thread(
        target=_end_late, args=(received, leave), daemon=True
    ).start()
    os.register_at_fork(after_in_child=lambda: _restore(numbers))
    sys.unraisablehook = _raise_again
    for number in numbers:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        _restore(numbers)


def restore_handlers() -> None:
    """Puts the handlers in place again that C code has replaced.

    TensorFlow does so when it joins a cluster, and then ignores SIGTERM.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in SIGNALS:
        handler = signal.getsignal(number)
        if handler is not None:  # None: it was never Python's.
            signal.signal(number, handler)


def repeat(error: Exception) -> None:
    """Raises `Interrupted` again if another library made an error of it.

    TensorFlow does so if a signal arrives within a Python function that it
    calls, for example while it reads data.

    Args:
        error: the exception that arrived instead.

    Raises:
        Interrupted: if a signal has raised one before.
    """
    if _raised:
        raise _raised[-1] from error


def _interrupt(number, frame):
    _noticed.set()
    _raised.append(Interrupted(number))
    raise _raised[-1]


def _end_late(received, leave):
    """Ends the process some time after a signal that nothing noticed."""
    number = 0
    while number not in SIGNALS:  # Or another signal that has a handler.
        (number,) = os.read(received, 1)
    if not _noticed.wait(SECONDS):
        error = Interrupted(number)
        leave(error)
        os._exit(outcome(error)[1])


def _raise_again(unraisable):
    """Repeats a signal whose exception Python dropped.

    Python drops an exception within `__del__` or within a callback of C code.
    """
    error = unraisable.exc_value
    if not isinstance(error, Interrupted):
        sys.__unraisablehook__(unraisable)
        return
    retry = threading.Timer(
        _RETRY_SECONDS, os.kill, (os.getpid(), error.number)
    )
    retry.daemon = True
    retry.start()


def _restore(numbers):
    """Removes the handlers; a forked process would share the pipe."""
    for number in numbers:
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)


class Postponed:
    """A context in which the signals wait until the program can end.

    The signals act as before until `begin`. A second SIGINT does not wait.
    Outside of the main thread nothing waits.
    """

    def __init__(self):
        self._handlers = {}
        self._number = None

    def __enter__(self) -> "Postponed":
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if kind is None and self._number is not None:
            self.deliver()
        self._restore()

    def begin(self) -> None:
        """Makes the signals wait from now on."""
        thread = threading.current_thread()
        if self._handlers or thread is not threading.main_thread():
            return
        for number in SIGNALS:
            handler = signal.getsignal(number)
            if handler not in (signal.SIG_IGN, None):
                self._handlers[number] = handler
                signal.signal(number, self._keep)

    def noticed(self) -> bool:
        """Returns whether a signal waits.

        If so, the caller may take its time to save and then calls `deliver`.
        """
        if self._number is None:
            return False
        _noticed.set()
        return True

    def deliver(self) -> None:
        """Lets the waiting signal act."""
        self._restore()
        number, self._number = self._number, None
        signal.raise_signal(number)

    def _keep(self, number, frame):
        if number == signal.SIGINT:
            signal.signal(number, self._handlers[number])
        self._number = number

    def _restore(self):
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}
