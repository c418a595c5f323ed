"""Labels of series at the right edge of a panel, instead of a legend."""

import dataclasses
import math
import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes

_WIDTH = 30  # Characters of a line.
_LINE = 0.2  # Height of a line, in inches.


@dataclasses.dataclass(frozen=True)
class Label:
    """A label and the point that it belongs to.

    Args:
        text: the text.
        color: its color.
        x: the point, in the units of the data.
        y: likewise.
    """

    text: str
    color: str
    x: float
    y: float


def draw(axes: Axes, labels: Sequence[Label]) -> None:
    """Draws labels in the order of their points, so that none overlap.

    A figure that is too low for them becomes higher.

    Args:
        axes: the panel, whose limits are final.
        labels: the labels.
    """
    ordered = sorted(labels, key=lambda label: -label.y)
    texts = [textwrap.fill(label.text, _WIDTH) for label in ordered]
    lines = [1 + text.count("\n") for text in texts]
    panel, sheet = _panel(axes), axes.get_figure()
    height = max(panel, _LINE * sum(lines))
    sheet.set_figheight(sheet.get_figheight() + height - panel)
    low, high = axes.get_ylim()
    unit = _LINE * (high - low) / height
    places = spread(
        [label.y for label in ordered],
        [unit * count for count in lines],
        between=(low, high),
    )
    for label, text, place in zip(ordered, texts, places, strict=True):
        axes.annotate(
            text,
            xy=(label.x, label.y),
            xytext=(1.04, place),
            textcoords=("axes fraction", "data"),
            va="center",
            fontsize="small",
            color=label.color,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": label.color,
                "linewidth": 0.6,
                "alpha": 0.6,
            },
        )


def spread(
    wanted: Sequence[float],
    heights: Sequence[float],
    *,
    between: tuple[float, float] = (-math.inf, math.inf),
) -> list[float]:
    """Returns places near the wanted ones that do not overlap.

    Labels that would overlap form a stack, whose center is the mean of what its
    labels want.

    Args:
        wanted: the wanted places, descending.
        heights: the height of each label.
        between: the lowest and the highest place of a label's edge. All labels
            together must have room there.
    """
    stacks: list[list[int]] = []
    centers: list[float] = []
    low, high = between
    for i in range(len(wanted)):
        stacks.append([i])
        centers.append(wanted[i])
        while True:
            members = stacks[-1]
            half = sum(heights[j] for j in members) / 2
            mean = sum(wanted[j] for j in members) / len(members)
            centers[-1] = min(max(mean, low + half), high - half)
            if len(stacks) == 1 or not _overlap(stacks, centers, heights):
                break
            last = stacks.pop()
            centers.pop()
            stacks[-1] += last
    places = [0.0] * len(wanted)
    for stack, center in zip(stacks, centers, strict=True):
        top = center + sum(heights[j] for j in stack) / 2
        for j in stack:
            places[j] = top - heights[j] / 2
            top -= heights[j]
    return places


def _overlap(stacks, centers, heights):
    """Returns whether the last stack reaches into the one above it."""
    halves = [sum(heights[j] for j in stack) / 2 for stack in stacks[-2:]]
    return centers[-2] - halves[0] < centers[-1] + halves[1] - 1e-12


def _panel(axes):
    """Returns the height of a panel, in inches."""
    sheet = axes.get_figure()
    sheet.draw_without_rendering()  # The layout sets it.
    return axes.get_position().height * sheet.get_figheight()
