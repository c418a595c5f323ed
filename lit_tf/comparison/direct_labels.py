"""Labels of series at the right edge of a panel, instead of a legend."""

import dataclasses
import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes

_WIDTH = 30  # Characters of a line.
_GAP = 0.06  # Between two lines of labels, of the panel's height.


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

    Args:
        axes: the panel, whose limits are final.
        labels: the labels.
    """
    low, high = axes.get_ylim()
    gap = _GAP * (high - low)
    ordered = sorted(labels, key=lambda label: -label.y)
    texts = [textwrap.fill(label.text, _WIDTH) for label in ordered]
    heights = [gap * (1 + text.count("\n")) for text in texts]
    places = spread([label.y for label in ordered], heights)
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


def spread(wanted: Sequence[float], heights: Sequence[float]) -> list[float]:
    """Returns places near the wanted ones that do not overlap.

    Labels that would overlap form a stack, whose center is the mean of what its
    labels want.

    Args:
        wanted: the wanted places, descending.
        heights: the height of each label.
    """
    stacks: list[list[int]] = []
    centers: list[float] = []
    for i, place in enumerate(wanted):
        stacks.append([i])
        centers.append(place)
        while len(stacks) > 1 and _overlap(stacks, centers, heights):
            last = stacks.pop()
            centers.pop()
            stacks[-1] += last
            members = stacks[-1]
            centers[-1] = sum(wanted[j] for j in members) / len(members)
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
