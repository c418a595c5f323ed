"""The stages of a search: what each tries, and which value it chooses.

The paper's order (section 4): temperature first, on a small student; then alpha
with that temperature; then beta with both.
"""

import dataclasses
import pathlib
import statistics
from collections.abc import Mapping

from lit_tf import errors
from lit_tf.tuning import trials
from lit_tf.tuning.settings import NAMES, Tune, number, trial_settings

# Accuracies are float32: what differs by less is rounding.
_DIGITS = 6


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tried:
    """What came of one trial: an accuracy, or why there is none."""

    seed: int
    validation_accuracy: float | None = None
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Value:
    """What came of one value: a trial a seed."""

    value: float
    tried: tuple[Tried, ...]

    @property
    def accuracies(self) -> list[float]:
        """The best validation accuracies of the trials that finished."""
        found = (one.validation_accuracy for one in self.tried)
        return [accuracy for accuracy in found if accuracy is not None]

    @property
    def mean(self) -> float | None:
        """The value's score; None unless every seed's trial has finished."""
        whole = len(self.accuracies) == len(self.tried)
        return statistics.fmean(self.accuracies) if whole else None

    @property
    def deviation(self) -> float | None:
        """The seeds' standard deviation (n − 1), where there are several."""
        several = self.mean is not None and len(self.tried) > 1
        return statistics.stdev(self.accuracies) if several else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """What a stage tried, with what, and what it chose."""

    name: str
    student: str
    fixed: Mapping[str, float]
    values: tuple[Value, ...]
    chosen: float


def planned(
    settings: Tune, name: str, chosen: Mapping[str, float]
) -> list[trials.Trial]:
    """Returns the trials of a stage, all of a seed before those of the next.

    Args:
        settings: of the search.
        name: of the stage.
        chosen: the values of the stages before it, by name.
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
    """Chooses among a stage's values by what lies in their folders.

    The best mean over the seeds; of equals the first in its list. A value that
    lacks the trial of a seed is not chosen.

    Args:
        settings: of the search.
        name: of the stage.
        chosen: the values of the stages before it, by name.
        failures: why trials have failed.

    Raises:
        DataError: no value has a trial of every seed.
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
            f"No {name} can be chosen: of none have all trials finished. "
            f"{_first(failures)}The same command tries again."
        )
    loss = plan[0].settings.loss
    return Stage(
        name=name,
        student=plan[0].settings.student,
        fixed={k: getattr(loss, k) for k in NAMES if k != name},
        values=values,
        # Of equals `max` takes the first.
        chosen=max(whole, key=lambda one: round(one.mean, _DIGITS)).value,
    )


def _trial(settings, name, value, seed, chosen):
    student = _student(settings, name)
    session = settings.session
    cache = session.teacher_cache_dir
    if settings.frozen.teacher_cache == "disk":
        cache = session.cache_dir  # All trials ask one teacher.
    place = _place(settings, name, value, chosen)
    return trials.Trial(
        stage=name,
        value=value,
        settings=trial_settings(
            settings,
            student=student,
            loss=dataclasses.replace(settings.loss, **{**chosen, name: value}),
            run=dataclasses.replace(settings.run, seed=seed),
            # It is for the student that is trained with what was chosen.
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
    """Returns the folder of a value's runs.

    It is that of the stage before where that has run the very same: the value
    that it went by, on the same student.
    """
    index = NAMES.index(name)
    if index and value == getattr(settings.loss, name):
        before = NAMES[index - 1]
        if _student(settings, before) == _student(settings, name):
            return _place(settings, before, chosen[before], chosen)
    return f"{name}={number(value)}"


def _student(settings, name):
    small = name == NAMES[0]
    return settings.small_student if small else settings.student


def _tried(trial, failures):
    found = trial.accuracy
    note = failures.get(trial, trial.ending) if found is None else ""
    return Tried(seed=trial.seed, validation_accuracy=found, note=note)


def _first(failures):
    for trial, why in failures.items():
        return f"{trial.name}: {why} "
    return ""
