"""A plan in words: the table of its parts, the ends of blocks, advice."""

from typing import Any

from lit_tf.sections import cost, hidden_states
from lit_tf.utils import text_format

_PROBED = 5e10  # FLOPs of one example that may be computed for the advice.


def table(plan: Any) -> str:
    """Returns a plan as a table of its parts, with what to know about them.

    Args:
        plan: a `Plan`.
    """
    parameters = sum(part.parameters for part in plan.parts)
    by_part = [part.flops for part in plan.parts]
    flops = None if None in by_part else sum(by_part)
    rows = [("part", "ends in", "output", "blocks", "to spare")]
    rows[0] += ("parameters", "share", "FLOPs", "share")
    for part in plan.parts:
        section = part.name.startswith("section")
        rows.append(
            (
                part.name,
                part.ends,
                text_format.shape(part.shape),
                str(part.blocks) if section else "",
                str(part.spare) if section else "",
                f"{part.parameters:,}",
                _share(part.parameters, parameters),
                "?" if part.flops is None else f"{part.flops:,}",
                _share(part.flops, flops),
            )
        )
    where = "in its own sections" if plan.sectioned else "cut at no place"
    if plan.cuts:
        where = f"cut at {', '.join(plan.cuts)}"
    lines = [f"{plan.model}, {where}", "", text_format.table(rows)]
    for part in plan.parts:
        if len(part.block_ends) > 1:
            ends = ", ".join(part.block_ends)
            lines += ["", f"The blocks of {part.name} end in {ends}."]
    uncounted = cost.note({x for part in plan.parts for x in part.uncounted})
    for sentence in (uncounted, plan.note, _advice(plan)):
        lines += ["", sentence] if sentence else []
    return "\n".join(lines)


def _advice(plan):
    flops = [part.flops for part in plan.parts]
    if plan.sectioned is None or None in flops or sum(flops) > _PROBED:
        return ""
    return hidden_states.advice(plan.sectioned)


def _share(value, total):
    return f"{value / total:.0%}" if value is not None and total else ""
