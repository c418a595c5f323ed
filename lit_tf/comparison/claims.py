"""What a report claims of the differences between rows."""

import math
from collections.abc import Sequence

from lit_tf.comparison import measures, significance
from lit_tf.utils import text_format


def text(
    differences: Sequence[significance.Difference], measure: measures.Measure
) -> str:
    """Returns the table of the differences of a table's rows, in Markdown.

    Args:
        differences: the differences.
        measure: what the rows are compared by.
    """
    if not differences:
        return (
            "There is nothing to compare: no row has the budget of its "
            "student's reference, in examples or FLOPs, and a seed in common "
            "with it."
        )
    headings = (
        "method",
        "against",
        "student",
        "shared seeds",
        "at equal",
        measure.headed("difference", measure.gap),
        "95 % interval",
        "p",
        "claim",
    )
    table = [headings]
    for one in differences:
        interval = p = "—"
        if not math.isnan(one.low):
            ends = map(measure.difference, (one.low, one.high))
            interval = f"[{', '.join(ends)}]"
        if not math.isnan(one.p):
            p = f"{one.p:.3f}" if one.p >= 0.001 else "< 0.001"
        table.append(
            (
                one.row.name,
                one.reference.name,
                one.row.student,
                ", ".join(map(str, one.seeds)),
                one.at_equal,
                measure.difference(one.mean),
                interval,
                p,
                _claim(one),
            )
        )
    return (
        f"{text_format.table(table)}\n\nDifferences in the {measure.name} of "
        "the exported student, paired over the shared seeds, at an equal "
        "number of training examples or, if it differs, of training FLOPs. p "
        "is that of a paired t-test, corrected for the number of comparisons "
        "in this table (Holm). "
        f"Nothing is claimed with fewer than {significance.SEEDS} seeds."
    )


def _claim(one):
    if math.isnan(one.p):
        return f"none: fewer than {significance.SEEDS} seeds"
    if one.p < 0.05:
        return "better" if one.mean > 0 else "worse"
    return "no difference shown"
