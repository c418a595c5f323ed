"""Lines of a report about single classes: accuracies and confusions."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lit_tf.utils import text_format

_ALL = 20  # Classes; of more only those with the largest loss are shown.
_SHOWN = 10


def lines(
    per_class: Sequence[Mapping[str, Any]],
    confused: Sequence[Mapping[str, Any]],
    *,
    split: str = "test",
) -> list[str]:
    """Returns a table of classes and a sentence about the confused ones.

    Args:
        per_class: as `classification.per_class` returns it, with the role
            "student" and optionally "teacher".
        confused: as `classification.confused` returns it.
        split: the name of the split that the examples are from.
    """
    compared = "teacher" in per_class[0]
    roles = ("teacher", "student") if compared else ("student",)
    shown, title = per_class, f"Accuracy on the {split} examples of each class:"
    if len(per_class) > _ALL:
        with_examples = [one for one in per_class if one["examples"]]
        shown = sorted(with_examples, key=_difference)[:_SHOWN]
        what = "largest loss of" if compared else "lowest"
        title = (
            f"The {len(shown)} of {len(per_class)} classes with the {what} "
            "accuracy:"
        )
    rows = [("class", f"{split} examples", *roles)]
    rows[0] += ("difference, points",) if compared else ()
    for one in shown:
        row = (_escaped(one["class"]), f"{one['examples']:,}")
        row += tuple(_percent(one[role]) for role in roles)
        if compared:
            row += (
                f"{100 * _difference(one):+.2f}" if one["examples"] else "—",
            )
        rows.append(row)
    found = ["", title, "", text_format.table(rows)]
    if confused:
        pairs = "; ".join(
            f"{_escaped(one['class'])} taken for {_escaped(one['predicted'])} "
            f"({one['examples']:,})"
            for one in confused
        )
        found += ["", f"Most confused by the student: {pairs}."]
    return found


def _difference(one):
    return one["student"] - one.get("teacher", 0.0)


def _percent(accuracy):
    return "—" if accuracy is None else f"{accuracy:.2%}"


def _escaped(name):
    """Returns a name without what Markdown would read as its own."""
    return re.sub(r"([\\`*\[\]|])", r"\\\1", name)
