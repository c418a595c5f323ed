"""Stages of a search: the trials of each, and the value that it chooses.

The order is the paper's (section 4): first the temperature, on a small student;
then alpha, with that temperature; then beta, with both.
"""

import dataclasses
import pathlib
import statistics
from collections.abc import Mapping

from lit_tf import errors
from lit_tf.tuning import scores, trials
from lit_tf.tuning.settings import NAMES, Tune, number, trial_settings

# Accuracies are float32, so that smaller differences are rounding errors.
_DIGITS = 6


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tried:
    """Result of one trial.

    Args:
        seed: the seed of the trial.
        validation_accuracy: the best one, a fraction, or the other score of
            the task; None without a result.
        note: the reason why there is no score; "" otherwise.
    """

    seed: int
    validation_accuracy: float | None = None
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Value:
    """Results of one value.

    Args:
        value: the value.
        tried: the result of each seed's trial.
    """

    value: float
    tried: tuple[Tried, ...]

    @property
    def accuracies(self) -> list[float]:
        """The best validation scores of the trials that finished."""
        found = (one.validation_accuracy for one in self.tried)
        return [accuracy for accuracy in found if accuracy is not None]

    @property
    def mean(self) -> float | None:
        """The mean score; None unless each seed's trial has finished."""
        whole = len(self.accuracies) == len(self.tried)
        return statistics.fmean(self.accuracies) if whole else None

    @property
    def deviation(self) -> float | None:
        """The standard deviation over seeds (n − 1); None for a single seed."""
        several = self.mean is not None and len(self.tried) > 1
        return statistics.stdev(self.accuracies) if several else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """A decided stage.

    Args:
        name: "temperature", "alpha" or "beta".
        student: the student's architecture; "" if it is made from the teacher.
        fixed: the values of the two other settings.
        values: the results of each value.
        chosen: the value with the best score.
        score: the name of the score, one of `scores.METRICS`.
    """

    name: str
    student: str
    fixed: Mapping[str, float]
    values: tuple[Value, ...]
    chosen: float
    score: str = scores.ACCURACY


def planned(
    settings: Tune, name: str, chosen: Mapping[str, float]
) -> list[trials.Trial]:
    """Returns the trials of a stage: all of the first seed, then the next.

    Args:
        settings: the settings of the search.
        name: the name of the stage.
        chosen: the values that the stages before it chose, by name.
    """
    return [
        _trial(settings, name, value, seed, chosen)
        for seed in settings.seeds
        for value in settings.grid(name)
    ]


def decide(
    settings: Tune,
    name: str,
    chosen: Mapping[str, float],
    failures: Mapping[trials.Trial, str],
) -> Stage:
    """Chooses the value of a stage from the reports in the run folders.

    The value with the best mean over the seeds is chosen; among equal means,
    the first in the list. A value is not chosen if the trial of one of its
    seeds has not finished.

    Args:
        settings: the settings of the search.
        name: the name of the stage.
        chosen: the values that the stages before it chose, by name.
        failures: the reason of each trial that failed.

    Returns:
        The decided stage.

    Raises:
        DataError: if no value has a finished trial of each seed.
    """
    plan = planned(settings, name, chosen)
    values = tuple(
        Value(
            value=value,
            tried=tuple(
                _tried(one, failures) for one in plan if one.value == value
            ),
        )
        for value in settings.grid(name)
    )
    whole = [one for one in values if one.mean is not None]
    if not whole:
        raise errors.DataError(
            f"No {name} can be chosen, because no value has a finished trial "
            f"of each seed. {_first(failures)}Repeat the command to try again."
        )
    loss = plan[0].settings.loss
    return Stage(
        name=name,
        student="" if settings.shrink.requested else _student(settings, name),
        fixed={k: getattr(loss, k) for k in NAMES if k != name},
        values=values,
        # Among equal values `max` returns the first.
        chosen=max(whole, key=lambda one: round(one.mean, _DIGITS)).value,
        score=next(one.score[0] for one in plan if one.score),
    )


def _trial(settings, name, value, seed, chosen):
    student = _student(settings, name)
    session = settings.session
    cache = session.teacher_cache_dir
    if settings.frozen.teacher_cache == "disk":
        cache = session.teacher_cache_folder  # All trials share one teacher.
    place = _place(settings, name, value, chosen)
    return trials.Trial(
        stage=name,
        value=value,
        settings=trial_settings(
            settings,
            student=student,
            loss=dataclasses.replace(settings.loss, **{**chosen, name: value}),
            compute=dataclasses.replace(settings.compute, seed=seed),
            # Only the student trained with the chosen values reads it.
            read_test=False,
            session=dataclasses.replace(
                session,
                workdir=str(
                    pathlib.Path(session.workdir, place, f"seed={seed}")
                ),
                overwrite=False,
                teacher_cache_dir=cache,
            ),
        ),
    )


def _place(settings, name, value, chosen):
    """Returns the name of the folder of a value's runs.

    It is a folder of the stage before if that stage has run the same trials:
    with this value as its fixed one, on the same student.
    """
    index = settings.stages.index(name)
    if index and value == getattr(settings.loss, name):
        before = settings.stages[index - 1]
        if _student(settings, before) == _student(settings, name):
            return _place(settings, before, chosen[before], chosen)
    return f"{name}={number(value)}"


def _student(settings, name):
    small = settings.small_student if name == "temperature" else ""
    return small or settings.student


def _tried(trial, failures):
    if trial.score:
        return Tried(seed=trial.seed, validation_accuracy=trial.score[1])
    note = failures.get(trial, trial.ending)
    return Tried(seed=trial.seed, note=note)


def _first(failures):
    for trial, why in failures.items():
        return f"{trial.name}: {why} "
    return ""
