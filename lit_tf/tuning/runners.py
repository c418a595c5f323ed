"""Who runs a stage's trials: this process, or whoever takes the commands."""

import functools
import pathlib
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence

from lit_tf import errors
from lit_tf.tuning import processes, pruning, stages, trials
from lit_tf.tuning.settings import NAMES, Tune, check
from lit_tf.utils import atomic_files

# Has those of a stage's trials run that have not ended, and returns of those
# that failed why; None where others are to run them first.
Runner = Callable[[Sequence[trials.Trial]], Mapping[trials.Trial, str] | None]


def here(settings: Tune, *, parallel: int) -> Runner:
    """Returns a runner that runs trials itself, so many at a time.

    Raises:
        SettingsError: that cannot be.
    """
    errors.require(parallel >= 1, "`parallel` must be ≥ 1.", parallel=parallel)
    errors.require(
        settings.run.strategy != "multi_worker",
        "`strategy` multi_worker wants a trial begun on every machine: "
        "--print_commands prints the lines.",
        strategy=settings.run.strategy,
    )
    if settings.prune:
        pruning.optuna()  # Missed now rather than hours later.
    return functools.partial(_here, settings, parallel)


def elsewhere(settings: Tune) -> Runner:
    """Returns a runner that prints the commands of trials that have not ended.

    Raises:
        SettingsError: that cannot be.
    """
    errors.require(
        not settings.prune,
        "`prune` watches trials that lit-tune runs itself: it does not go with "
        "--print_commands.",
        prune=settings.prune,
    )
    return _elsewhere


def rehearse(settings: Tune, *names: str) -> pathlib.Path:
    """Tries the students of these stages without running anything.

    Args:
        settings: of the search.
        *names: of the stages.

    Returns:
        The file with what it said: sizes, time, memory.

    Raises:
        SettingsError: it would be refused.
        DataError: data or weights are missing or damaged.
    """
    check(settings)
    log = pathlib.Path(settings.session.workdir) / "rehearsal.txt"
    atomic_files.remove(log)
    # Any values will do.
    chosen = {name: settings.grid(name)[0] for name in NAMES}
    firsts = [stages.planned(settings, name, chosen)[0] for name in names]
    for trial in {one.settings.student: one for one in firsts}.values():
        processes.rehearse(trial, log)
    return log


def _here(settings, parallel, plan):
    if plan[0].settings.student != settings.student and not _begun(plan):
        # What is wrong is found before the small student's hours, not after.
        print(f"{settings.student} is rehearsed", flush=True)
        rehearse(settings, "alpha")
    if not settings.prune:
        return processes.run(plan, parallel=parallel)
    # The first seed decides who goes on, so that a mean is over all seeds or is
    # none.
    first = [one for one in plan if one.seed == settings.seeds[0]]
    watch = functools.partial(_hopeless, first, settings.lit.epochs // 2)
    failures = processes.run(first, parallel=parallel, watch=watch)
    whole = {one.value for one in first if one.accuracy is not None}
    rest = [one for one in plan if one not in first and one.value in whole]
    return failures | processes.run(rest, parallel=parallel)


def _begun(plan):
    return any(one.log.exists() for one in plan)


def _hopeless(plan, patience, epochs):
    finished = [one.epochs() for one in plan if one.accuracy is not None]
    return pruning.hopeless(epochs, finished, patience=patience)


def _elsewhere(plan):
    waiting = [one for one in plan if not one.ended]
    if not waiting:
        return {}
    for one in waiting:
        print(shlex.join(one.command))
    print(
        f"{len(waiting)} of {len(plan)} trials of {plan[0].stage} are to be "
        "run; then the same command goes on.",
        file=sys.stderr,
    )
    return None
