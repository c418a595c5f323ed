"""Parses JSON of any origin."""

import json
import re
from typing import Any

# Python's parser needs stack for each level. The commands raise Python's
# recursion limit, so that it would end the process before it raises.
_DEEPEST = 1000
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = {"[": 1, "{": 1, "]": -1, "}": -1}


def parse(content: str | bytes) -> Any:
    """Returns the value of a JSON text.

    Args:
        content: the text, or its bytes in UTF-8.

    Raises:
        ValueError: if it is not valid JSON, or nested more than 1,000 times.
    """
    text = content.decode() if isinstance(content, bytes) else content
    if text.count("[") + text.count("{") > _DEEPEST:
        depth = 0
        for character in re.sub(r"[^\[\]{}]", "", _TEXT.sub("", text)):
            depth += _BRACKETS[character]
            if depth > _DEEPEST:
                raise ValueError(f"JSON is nested more than {_DEEPEST:,} times")
    return json.loads(text)
