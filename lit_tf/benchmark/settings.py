"""Settings of a benchmark: a frozen dataclass with defaults and checks."""

import dataclasses

from lit_tf import config, errors
from lit_tf.config.setting import (
    AT_LEAST_0,
    AT_LEAST_1,
    SEED,
    Group,
    setting,
)

DATA = ("auto", "random", "real")
_DATASET = "cifar10"  # Of architectures.


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
    teacher_weights: str = setting(
        "",
        "Your own model instead of --teacher: a .keras file or a run folder. "
        "The student is made from it with --compression or --keep.",
    )
    shrink: config.Shrink = config.Shrink()
    architecture: config.Architecture = config.Architecture()
    dataset: str = setting(
        "",
        "Dataset with the models' input shape and classes, such as digits, "
        "cifar10 or cifar100. Its files are needed only for real data. "
        "Default: cifar10; for your own model the kind found in --data_dir.",
    )
    data: str = setting(
        "auto",
        "random: random inputs and labels of the dataset's shape, through its "
        "input pipeline, or of the inputs and outputs of your own model; "
        "real: the dataset. Default: auto, real for your own model with "
        "--dataset or --data_dir, otherwise random.",
        choices=DATA,
    )
    data_dir: str = setting(
        config.Session.data_dir,
        "Folder with the dataset's official files, or your own, for real data.",
    )
    preprocessor: str = setting(
        config.Data.preprocessor,
        "Preprocessor of KerasHub for texts (see lit-compress).",
    )
    sequence_length: int = setting(
        config.Data.sequence_length,
        "Number of token ids of a text. Default: 0, the preprocessor's own; of "
        "random inputs the model's own or, where it leaves it open, 128.",
        check=AT_LEAST_0,
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
        self._check_own_model()
        # The groups of these settings check the other values.
        compress_settings(self)

    @property
    def real(self) -> bool:
        """Whether a dataset is read."""
        found = self.teacher_weights and (self.dataset or self.data_dir)
        return self.data == "real" or (self.data == "auto" and bool(found))

    @property
    def of_the_model(self) -> bool:
        """Whether the data are random and of the form of the user's model."""
        return bool(self.teacher_weights) and not self.real

    def _check_own_model(self):
        errors.require(
            bool(self.teacher_weights) or not self.shrink.requested,
            "`compression` and `keep` make a student from `teacher_weights`. "
            "Pass its file, or the name of a `student`.",
            compression=self.shrink.compression,
            keep=self.shrink.keep,
        )
        errors.require(
            not self.teacher_weights or self.shrink.requested,
            "`teacher_weights` needs `compression` or `keep`, from which the "
            "student is made.",
            teacher_weights=self.teacher_weights,
        )
        errors.require(
            not self.of_the_model or not (self.dataset or self.data_dir),
            "Random data for `teacher_weights` have the form of the model's "
            "inputs. Pass no `dataset` and no `data_dir`, or data=real.",
            dataset=self.dataset,
            data_dir=self.data_dir,
        )
        errors.require(
            not (self.teacher_weights and self.real)
            or bool(self.dataset or self.data_dir),
            "Real data need `dataset` or `data_dir`.",
            data=self.data,
        )


def compress_settings(settings: Settings) -> config.Compress:
    """Returns the settings of the compression whose parts are timed."""
    size = {"batch_size": settings.batch_size}
    dataset = settings.dataset
    if not dataset:
        dataset = config.Data.dataset if settings.teacher_weights else _DATASET
    return config.Compress(
        teacher=settings.teacher,
        student=settings.student,
        teacher_weights=settings.teacher_weights,
        shrink=settings.shrink,
        architecture=settings.architecture,
        teach=dataclasses.replace(config.TEACH, **size),
        lit=dataclasses.replace(config.LIT, **size),
        fine_tune=dataclasses.replace(config.FINE_TUNE, **size),
        frozen=config.Frozen(
            teacher_dtype=settings.teacher_dtype, teacher_cache="memory"
        ),
        data=config.Data(
            dataset=dataset,
            validation_fraction=0,
            preprocessor=settings.preprocessor,
            sequence_length=settings.sequence_length,
        ),
        compute=config.Compute(
            seed=settings.seed,
            dtype=settings.dtype,
            jit_compile=settings.jit_compile,
        ),
        session=config.Session(
            data_dir=settings.data_dir, download=settings.download
        ),
    )
