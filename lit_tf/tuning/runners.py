"""Runners: a stage's trials run here, or their commands are printed."""

import functools
import pathlib
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence

from lit_tf import errors
from lit_tf.config import scaled_phases
from lit_tf.tuning import processes, pruning, stages, trials
from lit_tf.tuning.settings import Tune, check
from lit_tf.utils import atomic_files

# Runs the trials of a stage that have not ended and returns the reason of each
# failed trial; returns None if the user has to run the trials first.
Runner = Callable[[Sequence[trials.Trial]], Mapping[trials.Trial, str] | None]


def here(
    settings: Tune, *, parallel: int, custom_objects: Sequence[str] = ()
) -> Runner:
    """Returns a runner that runs trials as processes of this machine.

    Args:
        settings: the settings of the search.
        parallel: the number of trials that run at the same time.
        custom_objects: the modules that each trial imports.

    Raises:
        SettingsError: if `parallel` is below 1, or trials need several
            machines.
    """
    errors.require(parallel >= 1, "`parallel` must be ≥ 1.", parallel=parallel)
    errors.require(
        settings.compute.strategy != "multi_worker",
        "`strategy` must not be multi_worker, because each machine has to "
        "start its own process. Use --print_commands to print the commands.",
        strategy=settings.compute.strategy,
    )
    return functools.partial(_here, settings, parallel, tuple(custom_objects))


def elsewhere(settings: Tune, *, custom_objects: Sequence[str] = ()) -> Runner:
    """Returns a runner that prints the commands of trials that have not ended.

    Args:
        settings: the settings of the search.
        custom_objects: the modules that each trial imports.

    Raises:
        SettingsError: if `prune` is on.
    """
    errors.require(
        not settings.prune,
        "`prune` stops only trials that lit-tune runs itself. Pass either "
        "--prune or --print_commands, not both.",
        prune=settings.prune,
    )
    return functools.partial(_elsewhere, tuple(custom_objects))


def dry_run(
    settings: Tune, *names: str, custom_objects: Sequence[str] = ()
) -> pathlib.Path:
    """Checks the students of some stages without running their trials.

    Args:
        settings: the settings of the search.
        *names: the names of the stages.
        custom_objects: the modules that each trial imports.

    Returns:
        The file with the output of the dry runs: costs and time.

    Raises:
        SettingsError: if `lit-compress` refuses the settings.
        DataError: if data or weights are missing or damaged.
    """
    check(settings)
    log = pathlib.Path(settings.session.workdir) / "dry_run.txt"
    atomic_files.remove(log)
    # The result does not depend on the values.
    chosen = {name: settings.grid(name)[0] for name in settings.stages}
    firsts = [stages.planned(settings, name, chosen)[0] for name in names]
    for trial in {one.settings.student: one for one in firsts}.values():
        processes.dry_run(trial, log, custom_objects=custom_objects)
    return log


def _here(settings, parallel, custom_objects, plan):
    small, last = plan[0].settings.student, settings.stages[-1]
    if small != settings.student and plan[0].stage != last and not _begun(plan):
        # An error of the large student is reported before the small student
        # trains for hours.
        print(f"dry run of {settings.student}", flush=True)
        dry_run(settings, last, custom_objects=custom_objects)
    run = functools.partial(
        processes.run, parallel=parallel, custom_objects=custom_objects
    )
    if not settings.prune:
        return run(plan)
    # The other seeds run only for values whose first trial has finished: a
    # value has a trial of each seed, or no mean.
    first = [one for one in plan if one.seed == settings.seeds[0]]
    patience = _epochs_of_lit(settings) // 2
    failures = run(
        first, should_stop=functools.partial(_should_stop, first, patience)
    )
    whole = {one.value for one in first if one.score}
    rest = [one for one in plan if one not in first and one.value in whole]
    return failures | run(rest)


def _epochs_of_lit(settings):
    if settings.epochs:
        settings = scaled_phases.with_epochs(settings, settings.epochs)
    return settings.lit.epochs


def _begun(plan):
    return any(one.log.exists() for one in plan)


def _should_stop(plan, patience, epochs):
    finished = [one.epochs() for one in plan if one.score]
    return pruning.should_stop(epochs, finished, patience=patience)


def _elsewhere(custom_objects, plan):
    waiting = [one for one in plan if not one.ended]
    if not waiting:
        return {}
    for one in waiting:
        print(shlex.join(one.command(custom_objects)))
    print(
        f"Run these {len(waiting)} of {len(plan)} trials of {plan[0].stage}, "
        "then repeat this command to continue.",
        file=sys.stderr,
    )
    return None
