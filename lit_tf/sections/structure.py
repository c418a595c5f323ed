"""Inputs nested as a model takes them: one, a list or a dictionary."""

from collections.abc import Iterable
from typing import Any

import keras


def inputs_of(model: keras.Model) -> Any:
    """Returns the symbolic inputs of a model, nested as it takes them.

    Args:
        model: functional or sequential, and built.
    """
    # The inputs of a sequential model are in its functional model.
    return getattr(model, "_functional", model).input


def pack_inputs(model: keras.Model, flat: Iterable[Any]) -> Any:
    """Returns inputs nested as a model takes them.

    Args:
        model: functional or sequential, and built.
        flat: an input for each of `model.inputs`, in their order.
    """
    return keras.tree.pack_sequence_as(inputs_of(model), list(flat))
