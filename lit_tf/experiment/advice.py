"""Advice that the curves of a run give for the next one."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

_LEAST = 4  # Epochs; fewer show no trend.


def of_curve(
    rows: Sequence[Mapping[str, Any]], phase: str, *, examples: int
) -> str:
    """Returns a sentence about the length of a phase; "" for no advice.

    A difference counts if it is larger than the standard error of the accuracy.

    Args:
        rows: the rows of `metrics.jsonl`, as `curves.read` returns them.
        phase: the name of the phase.
        examples: number of validation examples.
    """
    by_epoch = {row["epoch"]: row for row in rows if row["phase"] == phase}
    curve = [
        row["validation/accuracy"]
        for _, row in sorted(by_epoch.items())
        if "validation/accuracy" in row
    ]
    count = len(curve)
    if count < _LEAST or not examples:
        return ""
    best = max(curve)
    error = math.sqrt(max(0.0, best * (1 - best)) / examples)
    quarter = count // 4
    late = statistics.mean(curve[-quarter:])
    before = statistics.mean(curve[-2 * quarter : -quarter])
    if late - before > error:
        return (
            "Validation accuracy was still rising in the last epochs of phase "
            f"{phase} ({before:.2%} → {late:.2%}): train longer."
        )
    epoch = count - curve[::-1].index(best)  # Of equal ones the latest.
    if epoch <= count / 2 and best - late > error:
        return (
            f"The best student of phase {phase} was that of epoch {epoch} of "
            f"{count}: a shorter training, or augmentation, may be enough."
        )
    return ""
