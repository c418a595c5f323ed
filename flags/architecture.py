"""Flags of what teacher and student are built with, beside their depths."""

from absl import flags

from lit_tf import config

flags.DEFINE_integer(
    "width",
    config.Architecture.width,
    "Filters of the first convolution, from which an architecture's other "
    "widths follow. Default: 0, its own (resnet and resnext 16, "
    "vdcnn and stargan 64).",
)
flags.DEFINE_integer(
    "cardinality",
    config.Architecture.cardinality,
    "Groups of each 3×3 convolution of a ResNeXt. Default: 0, its own (8).",
)
