"""Settings of an experiment: to train a teacher, and to compress one.

The defaults are the paper's for the CIFAR ResNets, except for the dataset,
which by default needs no download.
"""

import dataclasses

from lit_tf import errors
from lit_tf.config import cache_rules, choices, durations, method_table
from lit_tf.config.compute import Compute, Session
from lit_tf.config.data import Data
from lit_tf.config.models import Architecture, Shrink
from lit_tf.config.phase import Phase
from lit_tf.config.setting import (
    AT_LEAST_0,
    Check,
    Group,
    flag_name,
    setting,
)
from lit_tf.config.training import Adversarial, Baselines, Frozen, Loss

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
class Teach(Group):
    """Settings of training a teacher in phase `teach`."""

    teacher: str = setting(
        "resnet110",
        "Architecture of the teacher, such as resnet110.",
        common=True,
    )
    teach: Phase = TEACH
    architecture: Architecture = Architecture()
    adversarial: Adversarial = Adversarial()
    data: Data = Data()
    compute: Compute = Compute()
    session: Session = Session()

    def __post_init__(self):
        super().__post_init__()
        errors.require(
            self.teach.total(1) >= 1,
            "`teach_epochs` or `teach_steps` must be ≥ 1.",
            teach_epochs=self.teach.epochs,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compress(Group):
    """Settings of training a student in phases `lit` and `fine_tune`."""

    teacher: str = setting(
        Teach.teacher,
        "Architecture of the teacher, such as resnet110. Ignored when "
        "--teacher_weights names a .keras file, which contains the "
        "architecture.",
        common=True,
    )
    student: str = setting(
        "resnet20",
        "Architecture of the student, such as resnet20.",
        common=True,
    )
    teacher_weights: str = setting(
        "",
        "Trained teacher: a .keras file, the run folder of lit-teach or "
        "lit-compress (the teacher in it), or a .weights.h5 file for "
        "--teacher. Without it the teacher is trained first.",
        common=True,
    )
    discriminator: str = setting(
        "fixed",
        "Whether phase fine_tune also trains the discriminator (trained) or "
        "leaves it as it is (fixed, as in the paper; in our study this ruined "
        "the images). For image translation. Default on the command line: "
        "trained; a run folder keeps what it began with.",
        choices=choices.DISCRIMINATORS,
    )
    discriminator_weights: str = setting(
        "",
        "Discriminator of the generator, a .keras file. Default: the one next "
        "to the teacher.",
    )
    min_teacher_accuracy: float = setting(
        -1.0,
        "Stop if the teacher's validation accuracy, a fraction in [0, 1], is "
        "below this. Default: -1, stop if a teacher from --teacher_weights is "
        "not better than chance.",
        check=Check(
            "in [0, 1], or -1 for better than chance",
            lambda value: 0 <= value <= 1 or value == -1,
        ),
    )
    export: str = setting(
        "best",
        "Which student is exported. best: the one with the best validation "
        "accuracy, or without labels the best cosine to the teacher (of equal "
        "ones the latest). last: the last. closest, for generators, which have "
        "neither: the one whose images of the validation split are closest to "
        "the teacher's; phase fine_tune ends once its student is further from "
        "the teacher than the closest of phase lit. Default on the command "
        "line: closest for image translation, otherwise best.",
        choices=choices.EXPORTS,
    )
    method: str = setting(
        "lit",
        "Method that trains the student. "
        + "; ".join(
            f"{n}: {method_table.get(n).about}" for n in method_table.names()
        )
        + ".",
        choices=method_table.names,
        common=True,
    )
    init: str = setting(
        "fresh",
        "Initial weights of the student's blocks: random (fresh), or those of "
        "the teacher's blocks at the same relative position in their section "
        "(teacher_blocks).",
        choices=choices.INITS,
    )
    copy_ends: bool = setting(
        True,
        "Copy the teacher's stem and head and keep them frozen in phase lit. "
        "Otherwise they start from random weights and are trained.",
    )
    with_fine_tune: bool = setting(
        True,
        "Run phase fine_tune after phase lit. Otherwise the student of phase "
        "lit is exported. Default on the command line: on; for image "
        "translation off, unless --discriminator is set.",
        flag="fine_tune",
    )
    read_test: bool = setting(
        True,
        "Evaluate on the test split, once, after the last phase. Turn it off "
        "while you tune settings.",
    )
    epochs: int = setting(
        0,
        "Number of epochs of phases lit and fine_tune together. Both phases "
        "and their milestones are scaled to it. Default: 0, the phases' own.",
        check=AT_LEAST_0,
        common=True,
    )
    budget: str = setting(
        "",
        "Time in which to train, such as 30min or 2h, instead of --epochs: a "
        "few steps are timed, and the phases scaled to the epochs that fit.",
        check=Check(
            "a time such as 90s, 30min or 1h30min",
            lambda value: not value or durations.seconds(value) is not None,
        ),
        common=True,
    )
    fresh_batch_norm: bool = setting(
        False,
        "Estimate the statistics of BatchNorm anew on training batches before "
        "a student is validated, where too few steps were taken for the "
        "moving ones to have forgotten their initial values.",
    )
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
    compute: Compute = Compute()
    session: Session = Session()

    def __post_init__(self):
        super().__post_init__()
        self._check_student()
        self._check_method()
        errors.require(
            not (self.epochs and self.budget),
            "Pass either `epochs` or `budget`, not both.",
            epochs=self.epochs,
            budget=self.budget,
        )
        errors.require(
            not (self.epochs or self.budget)
            or not (self.lit.steps or self.fine_tune.steps),
            "`epochs` and `budget` scale the epochs of the phases. Pass no "
            "`lit_steps` or `fine_tune_steps` with them.",
            lit_steps=self.lit.steps,
            fine_tune_steps=self.fine_tune.steps,
        )
        cache_rules.check(self)

    def _check_student(self):
        errors.require(
            not self.shrink.requested or self.student == Compress.student,
            "Pass either `student` or `compression`/`keep`, not both: with "
            "the latter the student is made from the teacher.",
            student=self.student,
        )
        errors.require(
            bool(self.teacher_weights)
            or not (self.shrink.cuts or self.shrink.sections),
            "`cuts` and `sections` divide the model in `teacher_weights`. Pass "
            "its file.",
            cuts=self.shrink.cuts,
            sections=self.shrink.sections,
        )
        errors.require(
            not self.shrink.measured or self.compute.strategy != "multi_worker",
            "`compression_of` latency cannot be used with several machines, "
            "which would measure different latencies. Run lit-compress "
            "--dry_run on one machine and pass the `keep` that it prints.",
            compression_of=self.shrink.compression_of,
        )
        errors.require(
            not self.budget or self.compute.strategy != "multi_worker",
            "`budget` cannot be used with several machines, which would "
            "measure different times. Run lit-compress --dry_run on one "
            "machine and pass the `epochs` that it prints.",
            budget=self.budget,
        )

    def _check_method(self):
        """Checks that the method reads every setting that was changed."""
        errors.require(
            not self.lit.label_smoothing
            or method_table.get(self.method).lit_labels,
            "`lit_label_smoothing` changes the hard loss, which phase lit of "
            f"`method` {self.method} does not have. Set it to 0.",
            lit_label_smoothing=self.lit.label_smoothing,
        )
        for group in (self, self.loss, self.baselines, self.frozen):
            for field in dataclasses.fields(group):
                if dataclasses.is_dataclass(field.default):
                    continue  # `fine_tune`, a phase, has another flag's name.
                name = flag_name(field)
                readers = method_table.readers(name)
                value = getattr(group, field.name)
                errors.require(
                    value == field.default or self.method in readers,
                    f"`{name}` is only for `method` {', '.join(readers)}, not "
                    f"for {self.method}.",
                    **{name: value},
                )


def teacher_settings(config: Compress, *, workdir: str) -> Teach:
    """Returns the settings that train the teacher of a compression.

    Args:
        config: the settings of the compression.
        workdir: the run folder of the teacher.
    """
    shared = {
        f.name: getattr(config, f.name) for f in dataclasses.fields(Teach)
    }
    session = dataclasses.replace(
        config.session, workdir=workdir, overwrite=False
    )
    return Teach(**shared | {"session": session})
