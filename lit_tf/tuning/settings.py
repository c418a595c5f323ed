"""Settings of a search: a frozen dataclass with defaults and checks."""

import dataclasses
from typing import Any

from lit_tf import config, errors
from lit_tf.config import cache_rules
from lit_tf.config.setting import setting

# The settings that are searched for, in this order.
NAMES = ("temperature", "alpha", "beta")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tune(config.Compress):
    """Settings of a compression whose temperature, alpha and beta are searched.

    All trials share these settings, except those that the search varies. The
    stages before the one of `alpha` use `loss.alpha`, and likewise for `beta`.
    """

    small_student: str = setting(
        "",
        "Architecture of the student on which the temperature is chosen, such "
        "as resnet8. Alpha and beta are chosen on --student.",
        common=True,
    )
    temperatures: tuple[float, ...] = setting(
        (2.0, 4.0, 6.0, 8.0),
        "Temperatures to try first, with --alpha and --beta.",
        common=True,
    )
    alphas: tuple[float, ...] = setting(
        (0.0, 0.5, 0.9, 0.95),
        "Alphas to try second, with the chosen temperature and --beta.",
        common=True,
    )
    betas: tuple[float, ...] = setting(
        (0.0, 0.25, 0.5, 0.75),
        "Betas to try last, with the chosen temperature and alpha.",
        common=True,
    )
    seeds: tuple[int, ...] = setting(
        (0,),
        "Seeds, instead of --seed. Each value is tried with every seed, and "
        "its score is the mean of the best validation accuracies. Of equal "
        "scores the value that is listed first wins.",
        common=True,
    )
    prune: bool = setting(
        False,
        "Stop trials that are unlikely to win: under the first seed, those "
        "whose best validation accuracy is, after half of phase lit or later, "
        "below the median of the finished trials at the same epoch.",
        common=True,
    )

    def __post_init__(self):
        super().__post_init__()
        for name in ("temperatures", "alphas", "betas", "seeds"):
            values = getattr(self, name)
            errors.require(
                0 < len(set(values)) == len(values),
                f"`{name}` must list at least one value, each only once.",
                **{name: values},
            )
        # Each group of settings checks itself.
        for name in NAMES:
            for value in self.grid(name):
                dataclasses.replace(self.loss, **{name: value})
        for seed in self.seeds:
            dataclasses.replace(self.compute, seed=seed)

    def grid(self, name: str) -> tuple[float, ...]:
        """Returns the values of `temperature`, `alpha` or `beta` to try."""
        return getattr(self, f"{name}s")


def trial_settings(settings: Tune, **changes: Any) -> config.Compress:
    """Returns the settings of one trial: those of the search, with changes."""
    shared = {
        field.name: getattr(settings, field.name)
        for field in dataclasses.fields(config.Compress)
    }
    return config.Compress(**shared | changes)


def check(settings: Tune) -> None:
    """Checks that a search can start.

    Raises:
        SettingsError: if a setting that the search needs is missing or invalid.
    """
    errors.require(
        bool(settings.teacher_weights),
        "`teacher_weights` must name the teacher's file, because all trials "
        "share one teacher. lit-teach trains one.",
        teacher_weights=settings.teacher_weights,
    )
    errors.require(
        settings.method == "lit",
        "`method` must be lit, because the search varies LIT's settings.",
        method=settings.method,
    )
    errors.require(
        bool(settings.small_student),
        "`small_student` must name the student on which the temperature is "
        "chosen, such as resnet8. A small student may be named here too.",
        small_student=settings.small_student,
    )
    errors.require(
        settings.data.validation_fraction > 0,
        "`validation_fraction` must be above 0, because a search chooses on "
        "the validation split.",
        validation_fraction=settings.data.validation_fraction,
    )
    cache_rules.check_search(settings)


def number(value: float) -> str:
    """Formats a value for names of folders: all digits, without ".0"."""
    return str(value).removesuffix(".0")
