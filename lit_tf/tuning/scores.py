"""Scores: the measure on validation by which a search compares trials."""

from collections.abc import Mapping
from typing import Any

# By the task of the runs, with the metric in TensorBoard that has it or 1 − it.
# Higher is better.
METRICS = {
    "accuracy": "validation/accuracy",
    "cosine": "validation/soft",
    "likeness": "validation/kd",
}
ACCURACY = "accuracy"


def of_report(report: Mapping[str, Any]) -> tuple[str, float] | None:
    """Returns the name and the value of the score of a run's best student.

    Args:
        report: the contents of `report.json`.

    Returns:
        The score; None if no student was chosen on validation.

    Raises:
        LookupError, TypeError, ValueError: if it is not such a report.
    """
    best = report["student"]["best"]
    if best is None:
        return None
    (name,) = (n for n in METRICS if f"validation_{n}" in best)
    return name, float(best[f"validation_{name}"])


def of_epoch(row: Mapping[str, Any]) -> tuple[str, float] | None:
    """Returns the score after an epoch; None without validation.

    Args:
        row: a row of `metrics.jsonl`.
    """
    for name, metric in METRICS.items():
        if metric in row:
            value = row[metric]
            return name, value if name == ACCURACY else 1 - value
    return None


def in_words(name: str, value: float, deviation: float | None = None) -> str:
    """Returns a score for a person: an accuracy in percent.

    Args:
        name: one of `METRICS`.
        value: the score.
        deviation: the standard deviation over seeds; None for a single seed.
    """
    scale, digits, unit = (100, 2, " %") if name == ACCURACY else (1, 6, "")
    spread = "" if deviation is None else f" ± {scale * deviation:.{digits}f}"
    return f"{scale * value:.{digits}f}{spread}{unit}"
