"""The table of the last and the best student in a report: `lines`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lit_tf.utils import text_format


def lines(
    student: Mapping[str, Any],
    columns: Sequence[tuple[str, str, Callable[[float], str]]],
) -> list[str]:
    """Returns a Markdown table of the students, and what it was chosen on.

    Args:
        student: the entry `student` of a report; a student that there is not
            is None.
        columns: heading, key and form of each figure; a figure may be None.
    """
    rows = [("student", "epoch", *(heading for heading, _, _ in columns))]
    for which in ("last", "best"):
        one = student[which]
        if one is not None:
            figures = (
                "—" if one[key] is None else form(one[key])
                for _, key, form in columns
            )
            exported = " (exported)" * (which == student["exported"])
            epoch = f"{one['epoch']} of {one['phase']}"
            rows.append((which + exported, epoch, *figures))
    return [
        text_format.table(rows),
        "",
        "Chosen on validation; the test split was read once, after the last "
        "phase.",
    ]
