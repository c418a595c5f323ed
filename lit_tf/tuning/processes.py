"""Runs trials, a process each, some at a time; none outlives the search."""

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

# Asked of a trial's epochs so far: will it hardly win?
Watch = Callable[[Sequence[trials.Epoch]], bool]

_POLL_SECONDS = 0.2
_SIGNAL_OF_PARENTS_DEATH = 1  # PR_SET_PDEATHSIG, in Linux's prctl.h.


def run(
    plan: Sequence[trials.Trial], *, parallel: int, watch: Watch | None = None
) -> dict[trials.Trial, str]:
    """Runs those trials that have not ended; a begun one goes on.

    Args:
        plan: the trials, in the order in which they begin.
        parallel: so many at a time.
        watch: stops a trial for good when it says so after an epoch.

    Returns:
        Of each trial that failed, why.

    Raises:
        SettingsError: a trial was refused by its settings, which others share.
    """
    waiting = collections.deque(one for one in plan if not one.ended)
    failures, seen = {}, collections.Counter()
    with _children() as running:
        while waiting or running:
            while waiting and len(running) < parallel:
                trial = waiting.popleft()
                print(f"{trial.name} begins", flush=True)
                running[trial] = start(trial.command, trial.log)
            time.sleep(_POLL_SECONDS)
            for trial, process in list(running.items()):
                code = process.poll()
                if code is not None:
                    del running[trial]
                    _end(trial, code, failures)
                elif watch is not None:
                    epochs = trial.epochs()
                    new, seen[trial] = len(epochs) > seen[trial], len(epochs)
                    if new and watch(epochs):
                        del running[trial]
                        _kill(process)
                        trial.prune(epochs[-1])
                        print(f"{trial.name} {trial.ending}", flush=True)
    return failures


def rehearse(trial: trials.Trial, log: pathlib.Path) -> None:
    """Tries a trial without running it (`lit-compress --dry_run`).

    Args:
        trial: which.
        log: where what it says is kept: sizes, time, memory.

    Raises:
        SettingsError: it would be refused.
        DataError: data or weights are missing or damaged.
    """
    with _children() as running:
        running[trial] = start([*trial.command, "--dry_run"], log)
        code = running[trial].wait()
    if code:
        kind = errors.SettingsError if code == 2 else errors.DataError
        raise kind(_why(code, log))


def start(command: Sequence[str], log: pathlib.Path) -> subprocess.Popen:
    """Starts a process that ends with this one, and adds to a log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for the search, which ends its trials itself.
            start_new_session=True,
            preexec_fn=_die_with_parent(os.getpid()),
        )


@contextlib.contextmanager
def _children() -> Iterator[dict[trials.Trial, subprocess.Popen]]:
    running = {}
    try:
        yield running
    finally:
        # A run may be killed at any moment; it resumes.
        for process in running.values():
            _kill(process)


def _kill(process):
    process.kill()
    process.wait()


def _die_with_parent(parent):
    """Returns what a child does first, so that `kill -9` leaves no orphan."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl

    def arrange():
        prctl(_SIGNAL_OF_PARENTS_DEATH, signal.SIGKILL)
        if os.getppid() != parent:  # It died before that was said.
            os._exit(1)

    return arrange


def _end(trial, code, failures):
    if not code:
        print(f"{trial.name} {trial.ending}", flush=True)
        return
    why = _why(code, trial.log)
    if code == errors.SettingsError.exit_code:
        raise errors.SettingsError(f"{trial.name} was refused. {why}")
    failures[trial] = f"failed: {why}"
    print(f"{trial.name} {failures[trial]}", file=sys.stderr, flush=True)


def _why(code, log):
    """Returns what a process that did not end well said last."""
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"{said[-1] if said else 'It said nothing.'} ({how}, {log})"
