"""Durations as people write them: 90s, 30min, 1h30min."""

import re

_PATTERN = re.compile(
    r"(?:(?P<hours>\d+(?:\.\d+)?)\s*h)?\s*"
    r"(?:(?P<minutes>\d+(?:\.\d+)?)\s*m(?:in)?)?\s*"
    r"(?:(?P<seconds>\d+(?:\.\d+)?)\s*s)?"
)
_SECONDS = {"hours": 3600, "minutes": 60, "seconds": 1}


def seconds(text: str) -> float | None:
    """Returns a duration in seconds; None if the text is no duration above 0.

    Args:
        text: hours, minutes and seconds, such as "1h30min", "45 min" or "90s".
    """
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        return None
    parts = {k: float(v) for k, v in match.groupdict().items() if v}
    return sum(_SECONDS[k] * v for k, v in parts.items()) or None
