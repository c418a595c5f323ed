"""What a search tries: frozen settings, their defaults and their checks."""

import dataclasses
from typing import Any

from lit_tf import config, errors

# What is searched for, in this order.
NAMES = ("temperature", "alpha", "beta")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tune(config.Compress):
    """A compression whose temperature, alpha and beta are searched for.

    All trials have its settings but those that are tried. Its own `alpha` and
    `beta` are what the stages before theirs go by.
    """

    small_student: str = ""
    temperatures: tuple[float, ...] = (2.0, 4.0, 6.0, 8.0)
    alphas: tuple[float, ...] = (0.0, 0.5, 0.9, 0.95)
    betas: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75)
    seeds: tuple[int, ...] = (0,)
    prune: bool = False

    def __post_init__(self):
        super().__post_init__()
        for name in ("temperatures", "alphas", "betas", "seeds"):
            values = getattr(self, name)
            errors.require(
                0 < len(set(values)) == len(values),
                f"`{name}` must be one value or more, each once.",
                **{name: values},
            )
        # Each group of settings checks itself.
        for name in NAMES:
            for value in self.grid(name):
                dataclasses.replace(self.loss, **{name: value})
        for seed in self.seeds:
            dataclasses.replace(self.run, seed=seed)

    def grid(self, name: str) -> tuple[float, ...]:
        """Returns the values of `temperature`, `alpha` or `beta` to try."""
        return getattr(self, f"{name}s")


def trial_settings(settings: Tune, **changes: Any) -> config.Compress:
    """Returns the compression that a search is about, with changes."""
    shared = {
        field.name: getattr(settings, field.name)
        for field in dataclasses.fields(config.Compress)
    }
    return config.Compress(**shared | changes)


def check(settings: Tune) -> None:
    """Raises `SettingsError` unless there is all that a search needs."""
    errors.require(
        bool(settings.teacher_weights),
        "`teacher_weights` must name the teacher, which all trials share. "
        "lit-teach trains one.",
        teacher_weights=settings.teacher_weights,
    )
    errors.require(
        settings.method == "lit",
        "`method` must be lit: the search is for LIT's settings.",
        method=settings.method,
    )
    errors.require(
        bool(settings.small_student),
        "`small_student` must name the student that the temperature is chosen "
        "on, such as resnet8; the student itself will do where it is small.",
        small_student=settings.small_student,
    )
    errors.require(
        settings.data.validation_fraction > 0,
        "`validation_fraction` must be above 0: a search chooses on the "
        "validation split.",
        validation_fraction=settings.data.validation_fraction,
    )


def number(value: float) -> str:
    """Returns a value as it is read in a name: all its digits, no ".0"."""
    return str(value).removesuffix(".0")
