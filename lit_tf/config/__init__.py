"""What an experiment is: groups of settings, and each phase's defaults.

A setting is also a flag of the same name; the settings of a `Phase` carry the
phase's name in front (`Compress.lit.epochs` is `--lit_epochs`). The defaults
are the paper's for the CIFAR ResNets; the data set alone defaults to one that
needs no download.
"""

import dataclasses

from lit_tf import errors
from lit_tf.config import methods
from lit_tf.config.choices import (
    COMPRESSION_OF,
    CONNECTORS,
    DISCRIMINATORS,
    DTYPES,
    EXPORTS,
    FLIPS,
    INITS,
    JIT_COMPILE,
    PENALTIES,
    SECTION_INPUTS,
    STRATEGIES,
    TEACHER_CACHES,
    TEACHER_DTYPES,
    check_one_of,
)
from lit_tf.config.groups import (
    Adversarial,
    Architecture,
    Baselines,
    Data,
    Frozen,
    Loss,
    Run,
    Session,
    Shrink,
    check_loss,
)
from lit_tf.config.phase import OPTIMIZERS, Phase

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
    method: str = "lit"
    init: str = "fresh"
    copy_ends: bool = True
    no_fine_tune: bool = False
    read_test: bool = True
    shrink: Shrink = Shrink()
    architecture: Architecture = Architecture()
    loss: Loss = Loss()
    baselines: Baselines = Baselines()
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
        check_one_of(methods.names(), method=self.method)
        errors.require(
            not self.shrink.asked or self.student == Compress.student,
            "`student` is made of the teacher where `compression` or `keep` "
            "are given: one of them has to go.",
            student=self.student,
        )
        errors.require(
            not self.shrink.measured or self.run.strategy != "multi_worker",
            "`compression_of` latency is measured, and several machines would "
            "not find the same: one finds it (lit-compress --dry_run), and "
            "`keep` tells it to all.",
            compression_of=self.shrink.compression_of,
        )
        check_one_of(INITS, init=self.init)
        for group in (self, self.loss, self.baselines, self.frozen):
            for field in dataclasses.fields(group):
                readers = methods.readers(field.name)
                value = getattr(group, field.name)
                errors.require(
                    value == field.default or self.method in readers,
                    f"`{field.name}` is for `method` {', '.join(readers)}, not "
                    f"for {self.method}.",
                    **{field.name: value},
                )
        errors.require(
            self.copy_ends
            or self.frozen.teacher_cache == "off"
            or self.method != "lit"
            or (
                self.loss.section_input == "student"
                and self.loss.connector == "none"
            ),
            "`teacher_cache` keeps nothing of the stem, which is asked for "
            "where `copy_ends` is off: one of them has to go.",
            teacher_cache=self.frozen.teacher_cache,
        )


def teacher_settings(config: Compress, *, workdir: str) -> Teach:
    """Returns how the teacher of a compression is taught, in a folder."""
    shared = {
        f.name: getattr(config, f.name) for f in dataclasses.fields(Teach)
    }
    session = dataclasses.replace(
        config.session, workdir=workdir, overwrite=False
    )
    return Teach(**shared | {"session": session})


__all__ = [
    "COMPRESSION_OF",
    "CONNECTORS",
    "DISCRIMINATORS",
    "DTYPES",
    "EXPORTS",
    "FLIPS",
    "INITS",
    "SECTION_INPUTS",
    "JIT_COMPILE",
    "OPTIMIZERS",
    "PENALTIES",
    "STRATEGIES",
    "TEACHER_CACHES",
    "TEACHER_DTYPES",
    "Adversarial",
    "Architecture",
    "Baselines",
    "Compress",
    "Data",
    "Frozen",
    "Loss",
    "Phase",
    "Run",
    "Session",
    "Shrink",
    "Teach",
    "check_loss",
    "check_one_of",
    "teacher_settings",
]
