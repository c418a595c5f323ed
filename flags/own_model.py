"""Flags of a model of one's own: where it is cut, and what is left of it."""

from absl import flags

from lit_tf import config

flags.DEFINE_float(
    "compression",
    config.Shrink.compression,
    "Make the student of the teacher, so many times cheaper, by leaving out "
    "blocks evenly; instead of --student. Above 1.",
)
flags.DEFINE_enum(
    "compression_of",
    config.Shrink.compression_of,
    config.COMPRESSION_OF,
    "What --compression makes less: FLOPs, parameters or the latency that is "
    "measured here.",
)
flags.DEFINE_list(
    "keep",
    list(config.Shrink.keep),
    "Blocks that each section keeps, such as 2,3,2; instead of --compression.",
)
flags.DEFINE_list(
    "cuts",
    list(config.Shrink.cuts),
    "Layers behind which a teacher without sections is cut: the end of the "
    "stem, and of each section. Default: where lit_tf.plan finds it best.",
)
