"""Settings of a search: a frozen dataclass with defaults and checks."""

import dataclasses
from typing import Any

from lit_tf import config, errors
from lit_tf.config import cache_rules
from lit_tf.config.setting import setting

# The settings that can be searched for, in this order.
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
        "as resnet8. Alpha and beta are chosen on --student. By default the "
        "temperature is too.",
        common=True,
    )
    temperatures: tuple[float, ...] = setting(
        (2.0, 4.0, 6.0, 8.0),
        "Temperatures to try first, with --alpha and --beta. An empty list, as "
        "in --temperatures=, leaves this stage out.",
        common=True,
    )
    alphas: tuple[float, ...] = setting(
        (0.0, 0.5, 0.9, 0.95),
        "Alphas to try second, with the chosen temperature and --beta. An "
        "empty list leaves this stage out.",
        common=True,
    )
    betas: tuple[float, ...] = setting(
        (0.0, 0.25, 0.5, 0.75),
        "Betas to try last, with the chosen temperature and alpha. An empty "
        "list leaves this stage out.",
        common=True,
    )
    seeds: tuple[int, ...] = setting(
        (0,),
        "Seeds, instead of --seed. Each value is tried with every seed, and "
        "its score is the mean of the best validation accuracies; for texts "
        "without labels and for generators, of the best likeness to the "
        "teacher. Of equal scores the value that is listed first wins.",
        common=True,
    )
    prune: bool = setting(
        False,
        "Stop trials that are unlikely to win: under the first seed, those "
        "whose best validation score is, after half of phase lit or later, "
        "below the median of the finished trials at the same epoch.",
        common=True,
    )

    def __post_init__(self):
        super().__post_init__()
        for name in ("temperatures", "alphas", "betas", "seeds"):
            values = getattr(self, name)
            errors.require(
                len(set(values)) == len(values),
                f"`{name}` must list each value only once.",
                **{name: values},
            )
        errors.require(
            bool(self.seeds),
            "`seeds` must list at least one seed.",
            seeds=self.seeds,
        )
        errors.require(
            bool(self.stages),
            "One of `temperatures`, `alphas` and `betas` must list the values "
            "to try.",
        )
        errors.require(
            not self.loss.falling_beta or min(self.betas, default=1) > 0,
            "`falling_beta` decreases `beta`: leave 0 out of `betas`.",
            betas=self.betas,
        )
        # Each group of settings checks itself.
        for name in NAMES:
            for value in self.grid(name):
                dataclasses.replace(self.loss, **{name: value})
        for seed in self.seeds:
            dataclasses.replace(self.compute, seed=seed)

    @property
    def stages(self) -> tuple[str, ...]:
        """The settings that are searched for, in their order."""
        return tuple(name for name in NAMES if self.grid(name))

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
    # The name of --student is no small one; earlier versions asked for it.
    small = settings.small_student not in ("", settings.student)
    errors.require(
        not (small and settings.shrink.requested),
        "`small_student` is for a student that --student names. With "
        "--compression or --keep leave it out: the temperature is then chosen "
        "on the student itself.",
        small_student=settings.small_student,
    )
    errors.require(
        not small or "temperature" in settings.stages,
        "`small_student` is read by the stage of the temperature alone. List "
        "`temperatures`, or leave it out.",
        small_student=settings.small_student,
    )
    errors.require(
        settings.data.validation_fraction > 0,
        "`validation_fraction` must be above 0, because a search chooses on "
        "the validation split.",
        validation_fraction=settings.data.validation_fraction,
    )
    cache_rules.check_search(settings)
    errors.require(
        not settings.budget,
        "`budget` may give each trial another number of epochs. Pass `epochs`.",
        budget=settings.budget,
    )
    errors.require(
        not settings.shrink.measured,
        "`compression_of` latency may choose other blocks in each trial. Run "
        "lit-compress --dry_run and pass the `keep` that it prints.",
        compression_of=settings.shrink.compression_of,
    )
    errors.require(
        not (settings.prune and settings.lit.steps),
        "`prune` counts the epochs of phase lit. Pass `lit_epochs` instead of "
        "`lit_steps`.",
        lit_steps=settings.lit.steps,
    )


def number(value: float) -> str:
    """Formats a value for names of folders: all digits, without ".0"."""
    return str(value).removesuffix(".0")
