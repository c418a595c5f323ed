"""Target attributes for image-to-image translation."""

from collections.abc import Sequence

import numpy as np


def each(
    labels: np.ndarray,
    names: Sequence[str],
    exclusive: Sequence[Sequence[str]] = (),
) -> np.ndarray:
    """Returns targets in which one attribute after another is changed.

    An attribute is inverted. An attribute of an exclusive group, such as a hair
    colour, is set to 1, and the others of its group to 0.

    Args:
        labels: `[images, attributes]`, 0 or 1.
        names: names of the attributes, in the order of the columns.
        exclusive: groups of names of mutually exclusive attributes.

    Returns:
        `[attributes, images, attributes]`, float32; the first axis is the
        changed attribute.
    """
    places = {name: i for i, name in enumerate(names)}
    groups = [[places[name] for name in group] for group in exclusive]
    changed = np.repeat(labels[np.newaxis], len(names), 0).astype(np.float32)
    for i, target in enumerate(changed):
        group = next((group for group in groups if i in group), None)
        if group is None:
            target[:, i] = 1 - target[:, i]
        else:
            target[:, group] = 0
            target[:, i] = 1
    return changed
