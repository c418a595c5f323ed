"""Flags of the teacher and of phase `teach`."""

from absl import flags

from lit_tf import config
from lit_tf.flags import _phase

flags.DEFINE_string(
    "teacher",
    config.Compress.teacher,
    "Architecture of the teacher, such as resnet110; ignored when "
    "--teacher_weights names a .keras file, which has its own.",
)
_phase.define("teach", config.TEACH)
