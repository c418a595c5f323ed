"""PyTorch weights: names, layouts and assignment to a model's variables.

PyTorch's kernels are OIHW (OIL for texts, IOHW if transposed), those of dense
layers [out, in]. Keras's are HWIO (LIO, HWOI) and [in, out]: the first two axes
are swapped and moved to the end. Embeddings have the same layout in both.
"""

from collections.abc import Mapping

import keras
import numpy as np

from lit_tf import errors

# Name of a variable in Keras → in PyTorch.
PARTS = {
    "kernel": "weight",
    "bias": "bias",
    "embeddings": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_LISTED = 4  # Names in a message, at most.


def named(
    layers: Mapping[str, keras.layers.Layer],
) -> dict[str, keras.Variable]:
    """Returns the variables of layers by their names in PyTorch.

    Args:
        layers: layers by the name of the corresponding PyTorch module.
    """
    return {
        f"{name}.{PARTS[variable.name]}": variable
        for name, layer in layers.items()
        for variable in layer.variables
    }


def from_torch(array: np.ndarray, variable: keras.Variable) -> np.ndarray:
    """Returns an array of PyTorch's layout in the layout of a variable."""
    if variable.name != "kernel":
        return array
    return array.transpose(*range(2, array.ndim), 1, 0)


def to_torch(variable: keras.Variable) -> np.ndarray:
    """Returns the value of a variable in PyTorch's layout."""
    array = keras.ops.convert_to_numpy(variable)
    if variable.name != "kernel":
        return array
    return array.transpose(-1, -2, *range(array.ndim - 2))


def assign(
    variables: Mapping[str, keras.Variable],
    arrays: Mapping[str, np.ndarray],
    *,
    source: str,
    target: str,
    hint: str = "",
) -> None:
    """Assigns to every variable the array of its name.

    If one array does not fit, none is assigned.

    Args:
        variables: variables by published name.
        arrays: arrays by published name, in PyTorch's layout.
        source: the origin of the arrays, for the message.
        target: the model of the variables, for the message.
        hint: a last sentence for the message; none by default.

    Raises:
        DataError: if names are missing or unexpected, shapes differ or values
            are not finite. The message lists some names of each kind.
    """
    misfits = {
        "missing": [name for name in variables if name not in arrays],
        "unexpected": [name for name in arrays if name not in variables],
        "of another shape": [
            f"{name} {list(arrays[name].shape)} instead of {list(shape)}"
            for name, shape in _shapes(variables).items()
            if name in arrays and arrays[name].shape != shape
        ],
        "not finite": [
            k for k, v in arrays.items() if not np.isfinite(v).all()
        ],
    }
    results = [
        f"{len(names)} {how} ({_some(names)})"
        for how, names in misfits.items()
        if names
    ]
    if results:
        raise errors.DataError(
            f"{source} does not fit {target}, and nothing was loaded: "
            f"{', '.join(results)}.{hint}"
        )
    for name, variable in variables.items():
        variable.assign(from_torch(arrays[name], variable))


def _shapes(variables):
    return {name: to_torch(v).shape for name, v in variables.items()}


def _some(names):
    rest = len(names) - _LISTED
    more = f" and {rest} more" if rest > 0 else ""
    return ", ".join(names[:_LISTED]) + more
