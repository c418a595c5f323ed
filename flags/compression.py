"""Flags of the student, of the method, and of phases `lit` and `fine_tune`."""

from absl import flags

from lit_tf import config
from lit_tf.flags import _phase

flags.DEFINE_string(
    "student",
    config.Compress.student,
    "Architecture of the student, such as resnet20.",
)
flags.DEFINE_string(
    "teacher_weights",
    config.Compress.teacher_weights,
    "The trained teacher: a .keras file, the run folder of lit-teach or of "
    "lit-compress (its teacher), or a .weights.h5 file for --teacher. Without "
    "it the teacher is trained first.",
)
flags.DEFINE_string(
    "discriminator_weights",
    config.Compress.discriminator_weights,
    "A generator's discriminator, a .keras file. Default: the one beside the "
    "teacher.",
)
flags.DEFINE_enum(
    "discriminator",
    config.Compress.discriminator,
    config.DISCRIMINATORS,
    "Whether phase fine_tune trains a generator's discriminator too; as the "
    "paper has it, it stays fixed.",
)
flags.DEFINE_float(
    "min_teacher_accuracy",
    config.Compress.min_teacher_accuracy,
    "Refuse a teacher below this validation accuracy, a fraction in [0, 1].",
)
flags.DEFINE_enum(
    "export",
    config.Compress.export,
    config.EXPORTS,
    "Which student of phase fine_tune is exported: the best on validation (of "
    "equals the latest) or the last.",
)
flags.DEFINE_boolean(
    "read_test",
    config.Compress.read_test,
    "Read the test split, once, after the last phase. While settings are "
    "being tuned it is not to be read.",
)
flags.DEFINE_enum(
    "penalty",
    config.Loss.penalty,
    config.PENALTIES,
    "Distance of two representations, a mean over all elements.",
)
flags.DEFINE_float(
    "alpha",
    config.Loss.alpha,
    "Multiplies the hard loss (labels); 1 − alpha multiplies the soft one "
    "(teacher's answers). In [0, 1].",
)
flags.DEFINE_float(
    "temperature",
    config.Loss.temperature,
    "Divides the logits of teacher and student in the soft loss; its square "
    "multiplies that loss. Above 0.",
)
flags.DEFINE_float(
    "beta",
    config.Loss.beta,
    "Multiplies the KD loss in phase lit; 1 − beta multiplies the sum of the "
    "sections' penalties. In [0, 1].",
)
flags.DEFINE_boolean(
    "dry_run",
    False,
    "Build and check everything, measure a step of each phase, say what the "
    "run will need, and train nothing.",
)
_phase.define("lit", config.LIT)
_phase.define("fine_tune", config.FINE_TUNE)
