"""What is timed: frozen settings, their defaults and their checks."""

import dataclasses

from lit_tf import config, errors

DATA = ("random", "real")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What a benchmark times: a pair, on what, how and how often."""

    teacher: str = config.Teach.teacher
    student: str = config.Compress.student
    architecture: config.Architecture = config.Architecture()
    dataset: str = "cifar10"
    data: str = "random"
    data_dir: str = config.Session.data_dir
    download: bool = config.Session.download
    batch_size: int = 128
    dtype: str = config.Run.dtype
    teacher_dtype: str = config.Frozen.teacher_dtype
    jit_compile: str = config.Run.jit_compile
    device: str = ""
    steps: int = 20
    growth_steps: int = 1000
    seed: int = config.Run.seed
    memory: bool = False
    profile: bool = False

    def __post_init__(self):
        config.check_one_of(DATA, data=self.data)
        for name in ("steps", "growth_steps"):
            value = getattr(self, name)
            errors.require(
                value >= 1, f"`{name}` must be ≥ 1.", **{name: value}
            )
        # The rest is checked where it belongs.
        compress_settings(self)


def compress_settings(settings: Settings) -> config.Compress:
    """Returns the compression that a benchmark takes to pieces."""
    size = {"batch_size": settings.batch_size}
    return config.Compress(
        teacher=settings.teacher,
        student=settings.student,
        architecture=settings.architecture,
        teach=dataclasses.replace(config.TEACH, **size),
        lit=dataclasses.replace(config.LIT, **size),
        fine_tune=dataclasses.replace(config.FINE_TUNE, **size),
        frozen=config.Frozen(
            teacher_dtype=settings.teacher_dtype, teacher_cache="memory"
        ),
        data=config.Data(dataset=settings.dataset, validation_fraction=0),
        run=config.Run(
            seed=settings.seed,
            dtype=settings.dtype,
            jit_compile=settings.jit_compile,
        ),
        session=config.Session(
            data_dir=settings.data_dir, download=settings.download
        ),
    )
