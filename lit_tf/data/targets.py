"""Target attributes: what a picture is to become."""

from collections.abc import Sequence

import numpy as np


def each(
    labels: np.ndarray,
    names: Sequence[str],
    exclusive: Sequence[Sequence[str]] = (),
) -> np.ndarray:
    """Returns a picture's attributes with each in turn changed.

    An attribute is turned into its opposite. One of an exclusive group (a hair
    colour) is given instead, and the others of its group are taken.

    Args:
        labels: `[pictures, attributes]`, 0 or 1.
        names: of the attributes, in their order.
        exclusive: groups of names.

    Returns:
        `[attributes, pictures, attributes]`, float32.
    """
    places = {name: i for i, name in enumerate(names)}
    groups = [[places[name] for name in group] for group in exclusive]
    wanted = np.repeat(labels[np.newaxis], len(names), 0).astype(np.float32)
    for i, target in enumerate(wanted):
        group = next((group for group in groups if i in group), None)
        if group is None:
            target[:, i] = 1 - target[:, i]
        else:
            target[:, group] = 0
            target[:, i] = 1
    return wanted
