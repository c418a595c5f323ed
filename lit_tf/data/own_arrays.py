"""What a user passes as arrays or lists: as arrays of one length."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from lit_tf import errors

_ARRAY = "array"


def of_one_length(name: str, data: Any) -> Any:
    """Returns arrays of one length, of lists as well; other data unchanged.

    Args:
        name: the name of the argument, for the message.
        data: what `keras.Model.fit` takes.

    Raises:
        SettingsError: if the arrays differ in length.
    """
    data = of_lists(data)
    if hasattr(data, "__array__"):  # Inputs alone: a tensor, a data frame.
        data = np.asarray(data)
    if not isinstance(data, np.ndarray | Mapping | tuple | list):
        return data
    parts = tf.nest.flatten(data)
    if not all(_shape(part) or np.isscalar(part) for part in parts):
        return data  # Read, or refused, later.
    errors.require(
        len({_shape(part)[:1] for part in parts}) == 1 and _shape(parts[0]),
        f"`{name}` must be arrays of one length, such as (inputs, labels). A "
        "list of arrays has one for each input of the model; other lists have "
        "rows of one length.",
        shapes=[_shape(part) for part in parts[:8]],
    )
    return data


def _shape(one):
    return tuple(getattr(one, "shape", ()))


def of_lists(data: Any) -> Any:
    """Returns data with an array for each list of texts or numbers.

    A list of arrays, one for each input, remains.

    Args:
        data: what `keras.Model.fit` takes.
    """
    if isinstance(data, list) and _is_pair(data):
        data = tuple(data)
    if not isinstance(data, tuple):
        return _list_as_array(data)
    if len(data) == 3 and data[-1] is None:  # No weights.
        data = data[:-1]
    return tuple(map(_list_as_array, data))


def _is_pair(data):
    """Returns whether a list is (inputs, labels), and not rows of inputs."""
    kinds = {_kind(part) for part in data[:3]}
    return len(data) in (2, 3) and (len(kinds) > 1 or kinds == {_ARRAY})


def _kind(one):
    """Returns the depth of a list, and whether it holds texts; or `_ARRAY`."""
    if _shape(one) or isinstance(one, Mapping):
        return _ARRAY
    if isinstance(one, list | tuple) and len(one):
        inner = _kind(one[0])
        return inner if inner == _ARRAY else (inner[0] + 1, inner[1])
    return 0, isinstance(one, str)


def _list_as_array(one):
    if isinstance(one, Mapping):
        return {key: _list_as_array(part) for key, part in one.items()}
    if not isinstance(one, list | tuple):
        unread = hasattr(one, "__array__") or isinstance(one, range)
        return np.asarray(one) if unread and not _shape(one) else one
    if any(map(_shape, tf.nest.flatten(one))):
        return one
    try:
        return np.asarray(one)
    except ValueError:  # Rows of different lengths: refused later.
        return one
