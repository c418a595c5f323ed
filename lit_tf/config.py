"""What an experiment is: groups of settings, and each phase's defaults.

A setting is also a flag of the same name; the settings of a `Phase` carry the
phase's name in front (`Compress.lit.epochs` is `--lit_epochs`). The defaults
are the paper's for the CIFAR ResNets; the data set alone defaults to one that
needs no download.
"""

import dataclasses

from lit_tf import errors
from lit_tf.groups import (
    DISCRIMINATORS,
    DTYPES,
    EXPORTS,
    JIT_COMPILE,
    PENALTIES,
    STRATEGIES,
    TEACHER_CACHES,
    TEACHER_DTYPES,
    Adversarial,
    Architecture,
    Data,
    Frozen,
    Method,
    Run,
    Session,
    check_method,
    check_one_of,
)
from lit_tf.schedules import OPTIMIZERS, Phase

TEACH = Phase(
    epochs=200,
    batch_size=128,
    learning_rate=0.1,
    weight_decay=1e-4,
    milestones=(100, 150),
)
# The published code minimises ½·L at a rate of .1 with a weight decay of 1e-4:
# the same arithmetic as L at .05 with 2e-4.
LIT = Phase(
    epochs=175,
    batch_size=32,
    learning_rate=0.05,
    weight_decay=2e-4,
    milestones=(100,),
)
FINE_TUNE = Phase(
    epochs=125,
    batch_size=32,
    learning_rate=0.01,
    weight_decay=1e-4,
    milestones=(55,),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Teach:
    """Train a teacher: phase `teach`."""

    teacher: str = "resnet110"
    teach: Phase = TEACH
    architecture: Architecture = Architecture()
    adversarial: Adversarial = Adversarial()
    data: Data = Data()
    run: Run = Run()
    session: Session = Session()

    def __post_init__(self):
        errors.require(
            self.teach.total(1) >= 1,
            "`teach_epochs` must be ≥ 1. (Or `teach_steps`.)",
            teach_epochs=self.teach.epochs,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compress:
    """Train a student from a teacher: phases `lit` and `fine_tune`."""

    teacher: str = Teach.teacher
    student: str = "resnet20"
    teacher_weights: str = ""
    discriminator: str = "fixed"
    discriminator_weights: str = ""
    min_teacher_accuracy: float = 0.0
    export: str = "best"
    architecture: Architecture = Architecture()
    method: Method = Method()
    adversarial: Adversarial = Adversarial()
    frozen: Frozen = Frozen()
    teach: Phase = TEACH
    lit: Phase = LIT
    fine_tune: Phase = FINE_TUNE
    data: Data = Data()
    run: Run = Run()
    session: Session = Session()

    def __post_init__(self):
        errors.require(
            0 <= self.min_teacher_accuracy <= 1,
            "`min_teacher_accuracy` must be a fraction in [0, 1].",
            min_teacher_accuracy=self.min_teacher_accuracy,
        )
        check_one_of(EXPORTS, export=self.export)
        check_one_of(DISCRIMINATORS, discriminator=self.discriminator)


def teaching(config: Compress, *, workdir: str) -> Teach:
    """Returns how the teacher of a compression is taught, in a folder."""
    shared = {
        f.name: getattr(config, f.name) for f in dataclasses.fields(Teach)
    }
    session = dataclasses.replace(
        config.session, workdir=workdir, overwrite=False
    )
    return Teach(**shared | {"session": session})


__all__ = [
    "DISCRIMINATORS",
    "DTYPES",
    "EXPORTS",
    "JIT_COMPILE",
    "OPTIMIZERS",
    "PENALTIES",
    "STRATEGIES",
    "TEACHER_CACHES",
    "TEACHER_DTYPES",
    "Adversarial",
    "Architecture",
    "Compress",
    "Data",
    "Frozen",
    "Method",
    "Phase",
    "Run",
    "Session",
    "Teach",
    "check_method",
    "check_one_of",
    "teaching",
]
