"""Trials as processes, several at a time, which end with the search."""

import collections
import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from lit_tf import errors
from lit_tf.tuning import trials
from lit_tf.utils import interruption

# Takes the epochs of a trial so far and returns whether to stop the trial.
ShouldStop = Callable[[Sequence[trials.Epoch]], bool]

_POLL_SECONDS = 0.2
# A trial that runs longer is killed and resumes at its last checkpoint.
_TERMINATION_SECONDS = 2 * interruption.SECONDS
_SIGNAL_OF_PARENTS_DEATH = 1  # PR_SET_PDEATHSIG, in Linux's prctl.h.


def run(
    plan: Sequence[trials.Trial],
    *,
    parallel: int,
    should_stop: ShouldStop | None = None,
    custom_objects: Sequence[str] = (),
) -> dict[trials.Trial, str]:
    """Runs the trials that have not ended; an interrupted trial resumes.

    Args:
        plan: the trials, in the order in which they start.
        parallel: the number of trials that run at the same time.
        should_stop: a function that is called after each epoch of a trial and
            returns whether to stop the trial for good; None to stop none.
        custom_objects: the modules that each trial imports.

    Returns:
        The reason of each trial that failed.

    Raises:
        SettingsError: if `lit-compress` refused the settings of a trial. The
            other trials share these settings.
    """
    waiting = collections.deque(one for one in plan if not one.ended)
    failures, seen = {}, collections.Counter()
    with _children() as running:
        while waiting or running:
            while waiting and len(running) < parallel:
                trial = waiting.popleft()
                print(f"{trial.name} begins", flush=True)
                command = trial.command(custom_objects)
                running[trial] = start(command, trial.log)
            time.sleep(_POLL_SECONDS)
            for trial, process in list(running.items()):
                code = process.poll()
                if code is not None:
                    del running[trial]
                    _end(trial, code, failures)
                elif should_stop is not None:
                    epochs = trial.epochs()
                    new, seen[trial] = len(epochs) > seen[trial], len(epochs)
                    if new and should_stop(epochs):
                        del running[trial]
                        _kill(process)
                        trial.prune(epochs[-1])
                        print(f"{trial.name} {trial.ending}", flush=True)
    return failures


def dry_run(
    trial: trials.Trial,
    log: pathlib.Path,
    *,
    custom_objects: Sequence[str] = (),
) -> None:
    """Checks a trial without running it (`lit-compress --dry_run`).

    Args:
        trial: the trial.
        log: the file that the output is added to: costs and time.
        custom_objects: the modules that the trial imports.

    Raises:
        SettingsError: if `lit-compress` refuses the settings.
        DataError: if data or weights are missing or damaged.
    """
    with _children() as running:
        running[trial] = start(
            [*trial.command(custom_objects), "--dry_run"], log
        )
        code = running[trial].wait()
    if code:
        kind = errors.SettingsError if code == 2 else errors.DataError
        raise kind(_reason(code, log))


def start(command: Sequence[str], log: pathlib.Path) -> subprocess.Popen:
    """Starts a process that ends with this one.

    Args:
        command: the program and its arguments.
        log: the file that the process's output is added to.

    Returns:
        The running process.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            # Ctrl-C goes to the search alone, which ends its trials itself.
            start_new_session=True,
            preexec_fn=_die_with_parent(os.getpid()),
        )


@contextlib.contextmanager
def _children() -> Iterator[dict[trials.Trial, subprocess.Popen]]:
    running = {}
    try:
        yield running
    finally:
        # A trial writes a checkpoint when it receives SIGTERM.
        for process in running.values():
            process.terminate()
        until = time.monotonic() + _TERMINATION_SECONDS
        for process in running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0, until - time.monotonic()))
            _kill(process)


def _kill(process):
    process.kill()
    process.wait()


def _die_with_parent(parent):
    """Returns a function that a child calls first.

    It makes the child end when its parent does, also by `kill -9`.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl

    def arrange():
        prctl(_SIGNAL_OF_PARENTS_DEATH, signal.SIGKILL)
        if os.getppid() != parent:  # The parent ended before the call.
            os._exit(1)

    return arrange


def _end(trial, code, failures):
    if not code:
        print(f"{trial.name} {trial.ending}", flush=True)
        return
    if code == errors.SettingsError.exit_code:
        why = _last_line(trial.log)
        trial.discard()
        raise errors.SettingsError(
            f"{trial.name} was refused. {why} (A stage whose list is empty, as "
            "with --temperatures=, is left out.)"
        )
    failures[trial] = f"failed: {_reason(code, trial.log)}"
    print(f"{trial.name} {failures[trial]}", file=sys.stderr, flush=True)


def _reason(code, log):
    """Returns the last line of a failed process's log, and its exit code."""
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"{_last_line(log)} ({how}, {log})"


def _last_line(log):
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    printed = [line.strip() for line in lines if line.strip()]
    return printed[-1] if printed else "It printed nothing."
