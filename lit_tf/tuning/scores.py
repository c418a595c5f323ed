"""Scores: the measure on validation by which a search compares trials."""

from collections.abc import Mapping
from typing import Any

# In a report, by the task of the run. Higher is better.
NAMES = ("accuracy", "cosine", "likeness")


def of_report(report: Mapping[str, Any]) -> tuple[str, float]:
    """Returns the name and the value of the score of a run's best student.

    Args:
        report: the contents of `report.json`.

    Raises:
        KeyError, TypeError: if it has no best student with a score.
    """
    best = report["student"]["best"]
    (name,) = (n for n in NAMES if f"validation_{n}" in best)
    return name, float(best[f"validation_{name}"])


def of_epoch(row: Mapping[str, Any]) -> float | None:
    """Returns the score after an epoch; None without validation.

    Args:
        row: a row of `metrics.jsonl`.
    """
    if "validation/accuracy" in row:
        return row["validation/accuracy"]
    # Without labels the loss is 1 − the cosine, or 1 − the likeness.
    distance = row.get("validation/soft", row.get("validation/kd"))
    return None if distance is None else 1 - distance


def in_words(name: str, value: float, deviation: float | None = None) -> str:
    """Returns a score for a person: an accuracy in percent.

    Args:
        name: one of `NAMES`.
        value: the score.
        deviation: the standard deviation over seeds; None for a single seed.
    """
    percent = name == "accuracy"
    scale, digits, unit = (100, 2, " %") if percent else (1, 4, "")
    spread = "" if deviation is None else f" ± {scale * deviation:.{digits}f}"
    return f"{scale * value:.{digits}f}{spread}{unit}"
