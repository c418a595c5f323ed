"""Flags of `lit-report`."""

from absl import flags

flags.DEFINE_string(
    "output",
    "runs/report",
    "The folder to write: report.md, report.html, rows.json, figures.",
)
flags.DEFINE_string(
    "reference",
    "",
    "The row that a student's others are compared with, by its name; by "
    "default plain lit or, without it, the student's first.",
)
flags.DEFINE_boolean(
    "mixed",
    False,
    "Accept runs of different data or versions, each data set in a table of "
    "its own, and say so.",
)
flags.DEFINE_boolean(
    "overwrite", False, "Replace the report that stands at --output."
)
