"""What settings come in: frozen groups of them, with defaults and checks.

A default lives here and nowhere else, but for those that differ by phase
(`config`). Nothing here needs TensorFlow.
"""

import dataclasses
import math
import os

from lit_tf import errors
from lit_tf.config import choices


def _check_seed(**received: int) -> None:
    ((name, value),) = received.items()
    errors.require(
        0 <= value < 2**31, f"`{name}` must be in [0, 2³¹).", **received
    )


def check_loss(alpha: float, temperature: float, beta: float) -> None:
    """Raises `SettingsError` unless the loss's three weights make sense."""
    errors.require(0 <= alpha <= 1, "`alpha` must be in [0, 1].", alpha=alpha)
    errors.require(0 <= beta <= 1, "`beta` must be in [0, 1].", beta=beta)
    errors.require(
        0 < temperature < math.inf,
        "`temperature` must be positive and finite.",
        temperature=temperature,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data:
    """What is learned from, and which part of it validates."""

    dataset: str = "auto"
    validation_fraction: float = 0.1
    split_seed: int = 0
    text_length: int = 1014
    attributes: tuple[str, ...] = ()
    exclusive: tuple[str, ...] = ()
    image_size: int = 128
    crop_size: int = 0
    pad: int = -1
    flip: str = "auto"

    def __post_init__(self):
        errors.require(
            0 <= self.validation_fraction < 1,
            "`validation_fraction` must be in [0, 1).",
            validation_fraction=self.validation_fraction,
        )
        _check_seed(split_seed=self.split_seed)
        errors.require(
            self.text_length >= 1,
            "`text_length` must be ≥ 1.",
            text_length=self.text_length,
        )
        errors.require(
            all(self.attributes)
            and len(set(self.attributes)) == len(self.attributes),
            "`attributes` must be names, each once.",
            attributes=self.attributes,
        )
        names = [name for group in self.groups for name in group]
        errors.require(
            all(names) and all(len(group) > 1 for group in self.groups),
            "`exclusive` must be groups of two or more names, joined by +.",
            exclusive=self.exclusive,
        )
        errors.require(
            len(set(names)) == len(names),
            "`exclusive` must have an attribute in one group, and there once.",
            exclusive=self.exclusive,
        )
        errors.require(
            self.image_size >= 1,
            "`image_size` must be ≥ 1.",
            image_size=self.image_size,
        )
        errors.require(
            self.crop_size >= 0,
            "`crop_size` must be ≥ 0.",
            crop_size=self.crop_size,
        )
        errors.require(
            self.pad >= -1,
            "`pad` must be ≥ 0, or -1 for the data set's own.",
            pad=self.pad,
        )
        choices.check_one_of(choices.FLIPS, flip=self.flip)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The names of each group of `exclusive`."""
        return tuple(tuple(group.split("+")) for group in self.exclusive)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loss:
    """The loss of LIT (paper, section 3; `docs/method.md`)."""

    penalty: str = "l2"
    alpha: float = 0.95
    temperature: float = 6.0
    beta: float = 0.75
    falling_beta: bool = False
    section_input: str = "teacher"
    connector: str = "none"

    def __post_init__(self):
        choices.check_one_of(choices.PENALTIES, penalty=self.penalty)
        choices.check_one_of(
            choices.SECTION_INPUTS, section_input=self.section_input
        )
        choices.check_one_of(choices.CONNECTORS, connector=self.connector)
        check_loss(self.alpha, self.temperature, self.beta)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Baselines:
    """Settings of single baselines (`lit_tf/methods/stages.py`)."""

    generations: int = 1
    sparsity: float = 1e-4
    pruned_channels: float = 0.0

    def __post_init__(self):
        errors.require(
            self.generations >= 1,
            "`generations` must be ≥ 1.",
            generations=self.generations,
        )
        errors.require(
            0 <= self.sparsity < math.inf,
            "`sparsity` must be ≥ 0 and finite.",
            sparsity=self.sparsity,
        )
        errors.require(
            0 <= self.pruned_channels < 1,
            "`pruned_channels` must be a fraction in [0, 1).",
            pruned_channels=self.pruned_channels,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shrink:
    """A student that is its teacher with fewer blocks (`students.shrink`)."""

    compression: float = 0.0
    compression_of: str = "flops"
    keep: tuple[int, ...] = ()
    cuts: tuple[str, ...] = ()

    def __post_init__(self):
        choices.check_one_of(
            choices.COMPRESSION_OF, compression_of=self.compression_of
        )
        errors.require(
            self.compression == 0 or 1 < self.compression < math.inf,
            "`compression` must be > 1, or 0 for none.",
            compression=self.compression,
        )
        errors.require(
            all(count >= 1 for count in self.keep),
            "`keep` must be blocks of each section, at least 1.",
            keep=self.keep,
        )
        errors.require(
            not (self.keep and self.compression),
            "`keep` and `compression` both say how many blocks are left: one "
            "of them has to go.",
            keep=self.keep,
            compression=self.compression,
        )

    @property
    def asked(self) -> bool:
        """Whether the student is to be made of the teacher."""
        return bool(self.keep or self.compression)

    @property
    def measured(self) -> bool:
        """Whether the student depends on how fast it is here and now."""
        return bool(self.compression) and self.compression_of == "latency"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Architecture:
    """What teacher and student are built with, beside their depths."""

    width: int = 0
    cardinality: int = 0

    def __post_init__(self):
        for name, value in dataclasses.asdict(self).items():
            errors.require(
                value >= 0,
                f"`{name}` must be ≥ 1, or 0 for the architecture's own.",
                **{name: value},
            )

    @property
    def options(self) -> dict[str, int]:
        """The arguments of a builder that are not to be its own."""
        given = dataclasses.asdict(self)
        return {name: value for name, value in given.items() if value}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Adversarial:
    """How a generator is trained against a discriminator (StarGAN's losses)."""

    discriminator_width: int = 64
    discriminator_depth: int = 6
    discriminator_steps: int = 5
    lambda_cls: float = 1.0
    lambda_rec: float = 10.0
    lambda_gp: float = 10.0

    def __post_init__(self):
        for name in (
            "discriminator_width",
            "discriminator_depth",
            "discriminator_steps",
        ):
            value = getattr(self, name)
            errors.require(
                value >= 1, f"`{name}` must be ≥ 1.", **{name: value}
            )
        for name in ("lambda_cls", "lambda_rec", "lambda_gp"):
            value = getattr(self, name)
            errors.require(
                0 <= value < math.inf,
                f"`{name}` must be ≥ 0 and finite.",
                **{name: value},
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """How it is computed: what can change a figure but not the method."""

    seed: int = 0
    dtype: str = "float32"
    strategy: str = "default"
    sync_batch_norm: bool = False
    jit_compile: str = "auto"
    steps_per_execution: int = 1

    def __post_init__(self):
        _check_seed(seed=self.seed)
        for name, known in (
            ("dtype", choices.DTYPES),
            ("strategy", choices.STRATEGIES),
            ("jit_compile", choices.JIT_COMPILE),
        ):
            choices.check_one_of(known, **{name: getattr(self, name)})
        errors.require(
            self.steps_per_execution >= 1,
            "`steps_per_execution` must be ≥ 1.",
            steps_per_execution=self.steps_per_execution,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Frozen:
    """Settings of the frozen teacher (`lit_tf/teacher/`)."""

    teacher_dtype: str = "auto"
    teacher_cache: str = "off"
    teacher_cache_views: int = 4

    def __post_init__(self):
        for name, known in (
            ("teacher_dtype", choices.TEACHER_DTYPES),
            ("teacher_cache", choices.TEACHER_CACHES),
        ):
            choices.check_one_of(known, **{name: getattr(self, name)})
        errors.require(
            self.teacher_cache_views >= 1,
            "`teacher_cache_views` must be ≥ 1.",
            teacher_cache_views=self.teacher_cache_views,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Session:
    """Where things are and how often they are written: never what they are.

    A run may be resumed under another session.
    """

    workdir: str = ""
    overwrite: bool = False
    data_dir: str = ""
    download: bool = False
    teacher_cache_dir: str = ""
    checkpoint_minutes: float = 5.0
    checkpoint_steps: int = 0
    log_steps: int = 100
    sample_steps: int = 1000
    worker_minutes: float = 5.0
    inception_weights: str = ""
    download_inception: bool = False
    feature_model: str = ""

    def __post_init__(self):
        for name in (
            "checkpoint_minutes",
            "checkpoint_steps",
            "log_steps",
            "sample_steps",
            "worker_minutes",
        ):
            value = getattr(self, name)
            errors.require(
                value >= 0, f"`{name}` must be ≥ 0.", **{name: value}
            )

    @property
    def cache_dir(self) -> str:
        """Where the teacher's answers are kept: beside the run, to be shared.

        `teacher_cache_dir`, or else a folder beside that of the run.
        """
        default = os.path.join(os.path.dirname(self.workdir), "teacher_cache")
        return self.teacher_cache_dir or default
