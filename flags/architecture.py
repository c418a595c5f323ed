"""Flags of what teacher and student are built with, beside their depths."""

from absl import flags

from lit_tf import config

flags.DEFINE_integer(
    "width",
    config.Architecture.width,
    "Filters of the first convolution, from which an architecture's other "
    "widths follow. Default: 0, its own (resnet 16, vdcnn and stargan 64).",
)
