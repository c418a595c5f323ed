"""Flags of how the student is trained: the method, and what it leaves out."""

from absl import flags

from lit_tf import config
from lit_tf.config import methods

flags.DEFINE_enum(
    "method",
    config.Compress.method,
    methods.names(),
    "What phases lit and fine_tune do: lit; labels alone, without (scratch) or "
    "with (scratch_copied) the teacher's stem and head; kd in both; a hint at "
    "the middle section, then kd (hint); penalties at every section of a "
    "student that copies nothing, then kd (multi_hint); kd from a teacher of "
    "the student's shape (born_again); the teacher with a pressure on its "
    "BatchNorm scales, then what is left of it (network_slimming).",
)
flags.DEFINE_enum(
    "init",
    config.Compress.init,
    config.INITS,
    "Where the student's blocks start from: random numbers, or those of the "
    "teacher's blocks that are as far on in their section (teacher_blocks).",
)
flags.DEFINE_boolean(
    "copy_ends",
    config.Compress.copy_ends,
    "Start from the teacher's stem and head, and keep them frozen in phase "
    "lit; otherwise they are new, and trained.",
)
flags.DEFINE_enum(
    "section_input",
    config.Loss.section_input,
    config.SECTION_INPUTS,
    "What a section is fed while its penalty is taken: the teacher's "
    "representation (LIT), the student's own, or of each example the "
    "teacher's with a probability that falls from 1 to 0 over phase lit "
    "(mixed).",
)
flags.DEFINE_enum(
    "connector",
    config.Loss.connector,
    config.CONNECTORS,
    "What lies, in phase lit, between representations that differ in channels: "
    "a trained 1×1 convolution each, of which nothing is left afterwards "
    "(conv1x1). A narrower student also has ends of its own: --nocopy_ends.",
)
flags.DEFINE_boolean(
    "falling_beta",
    config.Loss.falling_beta,
    "Let beta fall linearly from --beta to 0 over phase lit.",
)
flags.DEFINE_boolean(
    "no_fine_tune",
    config.Compress.no_fine_tune,
    "Leave phase fine_tune out: the student of phase lit is exported.",
)
flags.DEFINE_integer(
    "generations",
    config.Baselines.generations,
    "Students of method born_again, each taught by the one before it, each "
    "through both phases.",
)
flags.DEFINE_float(
    "sparsity",
    config.Baselines.sparsity,
    "Of method network_slimming: multiplies the sum of |γ| over the BatchNorm "
    "scales that may be pruned, in phase lit. At least 0.",
)
flags.DEFINE_float(
    "pruned_channels",
    config.Baselines.pruned_channels,
    "Of method network_slimming: the fraction of channels that is pruned "
    "after phase lit, in [0, 1); 0 for as many as leave --student's FLOPs.",
)
