"""Readable text for numbers: tables, shapes, durations, sizes."""

import math
from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table; the first row holds the headings."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def shape(sizes: Sequence[int | None]) -> str:
    """Returns a shape as 32×32×3, with "?" for an unknown size."""
    return "×".join("?" if size is None else str(size) for size in sizes)


def listed(names: Sequence[str], most: int = 6) -> str:
    """Returns names as "a, b, …, z", of which at most some are shown."""
    if len(names) > most:
        names = [*names[: most - 1], "…", names[-1]]
    return ", ".join(names)


def metric(name: str, value: float | None) -> str:
    """Returns a metric: an accuracy in percent; "—" for None or NaN."""
    if value is None or math.isnan(value):
        return "—"
    return f"{value:.2%}" if "accuracy" in name else f"{value:.4g}"


def duration(seconds: float) -> str:
    """Returns a duration as 0:09, 12:30 or 3:05:00."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{seconds:02}"
    return f"{minutes}:{seconds:02}"


def size(count: int) -> str:
    """Returns a number of bytes as 4.0 kB, 2.0 MB or 2.87 GB."""
    if count >= 1e9:
        return f"{count / 1e9:,.2f} GB"
    if count >= 1e6:
        return f"{count / 1e6:.1f} MB"
    return f"{count / 1e3:.1f} kB"
