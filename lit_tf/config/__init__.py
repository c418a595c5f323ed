"""Settings of an experiment: frozen dataclasses, without TensorFlow.

Each setting is also a flag of the same name. The settings of a `Phase` have
the phase's name in front: `Compress.lit.epochs` is `--lit_epochs`. Default,
help text, choices and check stand in the dataclass (`lit_tf.config.setting`).
"""

from lit_tf.config.augmentation import Augmentation
from lit_tf.config.choices import (
    COMPRESSION_OF,
    CONNECTORS,
    DISCRIMINATORS,
    DTYPES,
    EXPORTS,
    FLIPS,
    INITS,
    JIT_COMPILE,
    OPTIMIZERS,
    PENALTIES,
    SECTION_INPUTS,
    STRATEGIES,
    TEACHER_CACHES,
    TEACHER_DTYPES,
    check_one_of,
)
from lit_tf.config.compute import Compute, Session
from lit_tf.config.data import Data
from lit_tf.config.experiment import (
    FINE_TUNE,
    LIT,
    TEACH,
    Compress,
    Teach,
    teacher_settings,
)
from lit_tf.config.models import Architecture, Shrink
from lit_tf.config.phase import Phase
from lit_tf.config.scaled_phases import with_epochs
from lit_tf.config.training import (
    Adversarial,
    Baselines,
    Frozen,
    Loss,
    check_loss,
)

__all__ = [
    "COMPRESSION_OF",
    "CONNECTORS",
    "DISCRIMINATORS",
    "DTYPES",
    "EXPORTS",
    "FINE_TUNE",
    "FLIPS",
    "INITS",
    "JIT_COMPILE",
    "LIT",
    "OPTIMIZERS",
    "PENALTIES",
    "SECTION_INPUTS",
    "STRATEGIES",
    "TEACH",
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
    "Compute",
    "Session",
    "Shrink",
    "Teach",
    "Augmentation",
    "check_loss",
    "check_one_of",
    "teacher_settings",
    "with_epochs",
]
