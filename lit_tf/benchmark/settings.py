"""Settings of a benchmark: a frozen dataclass with defaults and checks."""

import dataclasses

from lit_tf import config
from lit_tf.config.setting import AT_LEAST_1, SEED, Group, setting

DATA = ("random", "real")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(Group):
    """Settings of a benchmark: the pair of models, the data and the device."""

    teacher: str = setting(
        config.Teach.teacher,
        "Architecture of the teacher, such as resnet110. Its weights are "
        "random.",
    )
    student: str = setting(
        config.Compress.student,
        "Architecture of the student, such as resnet20.",
    )
    architecture: config.Architecture = config.Architecture()
    dataset: str = setting(
        "cifar10",
        "Dataset with the models' input shape and classes: digits, cifar10 or "
        "cifar100. Its files are needed only for --data=real.",
    )
    data: str = setting(
        "random",
        "random: random pixels and labels of the dataset's shape, through its "
        "input pipeline; real: the dataset.",
        choices=DATA,
    )
    data_dir: str = setting(
        config.Session.data_dir,
        "Folder with the dataset's official files, for --data=real.",
    )
    download: bool = setting(
        config.Session.download,
        "Let TensorFlow Datasets download what --data_dir does not contain.",
    )
    batch_size: int = setting(128, "Batch size.", check=AT_LEAST_1)
    dtype: str = setting(
        config.Compute.dtype,
        "Keras dtype policy of the computation. Variables stay float32.",
        choices=config.DTYPES,
    )
    teacher_dtype: str = setting(
        config.Frozen.teacher_dtype,
        "Precision of the frozen teacher.",
        choices=config.TEACHER_DTYPES,
    )
    jit_compile: str = setting(
        config.Compute.jit_compile,
        "XLA compilation. auto: on for a single GPU, otherwise off.",
        choices=config.JIT_COMPILE,
    )
    device: str = setting(
        "",
        "Device, such as CPU:0 or GPU:0. Default: TensorFlow's choice.",
    )
    steps: int = setting(
        20,
        "Number of timed rounds. Each round runs every piece once.",
        check=AT_LEAST_1,
    )
    growth_steps: int = setting(
        1000,
        "Number of steps of phase lit over which --memory measures growth.",
        check=AT_LEAST_1,
    )
    seed: int = setting(
        config.Compute.seed, "Seed of weights, data and order.", check=SEED
    )
    memory: bool = setting(
        False,
        "Measure the memory of teacher, student and phase lit, each in its "
        "own process (Linux only).",
    )
    profile: bool = setting(
        False,
        "Print the time of each operation in a step of phase lit (CPU only).",
    )

    def __post_init__(self):
        super().__post_init__()
        # The groups of these settings check the other values.
        compress_settings(self)


def compress_settings(settings: Settings) -> config.Compress:
    """Returns the settings of the compression whose parts are timed."""
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
        compute=config.Compute(
            seed=settings.seed,
            dtype=settings.dtype,
            jit_compile=settings.jit_compile,
        ),
        session=config.Session(
            data_dir=settings.data_dir, download=settings.download
        ),
    )
