"""Inputs nested as a model takes them: one, a list or a dictionary."""

from collections.abc import Iterable, Mapping
from typing import Any

import keras

from lit_tf import errors


def inputs_of(model: keras.Model) -> Any:
    """Returns the symbolic inputs of a model, nested as it takes them.

    Args:
        model: functional or sequential, and built.
    """
    # The inputs of a sequential model are in its functional model.
    return getattr(model, "_functional", model).input


def outputs_of(model: keras.Model) -> Any:
    """Returns the symbolic outputs of a model, nested as it returns them.

    Args:
        model: functional or sequential, and built.
    """
    return getattr(model, "_functional", model).output


def output_names(model: keras.Model) -> list[str]:
    """Returns the names by which Keras takes losses and metrics of outputs.

    Args:
        model: functional or sequential, and built.
    """
    return list(getattr(model, "_functional", model).output_names)


def input_rank(model: keras.Model) -> int | None:
    """Returns the rank of a model's only input; None if it has several.

    Args:
        model: functional or sequential, and built.
    """
    return len(model.inputs[0].shape) if len(model.inputs) == 1 else None


def input_like(tensor: Any, name: str | None = None) -> keras.KerasTensor:
    """Creates an input with the shape and the dtype of a tensor.

    Args:
        tensor: a tensor, symbolic or not.
        name: name of the input; None for the tensor's.
    """
    return keras.Input(
        batch_shape=tensor.shape, dtype=tensor.dtype, name=name or tensor.name
    )


def pack_inputs(model: keras.Model, flat: Iterable[Any]) -> Any:
    """Returns inputs nested as a model takes them.

    Args:
        model: functional or sequential, and built.
        flat: an input for each of `model.inputs`, in their order.
    """
    return keras.tree.pack_sequence_as(inputs_of(model), list(flat))


def names_of(model: keras.Model) -> tuple[str, ...]:
    """Returns the names of a model's inputs, in the order of `model.inputs`.

    They are the keys of a dictionary of inputs; otherwise the names of the
    tensors.

    Args:
        model: functional or sequential, and built.
    """
    inputs = inputs_of(model)
    if not _is_flat_dictionary(inputs):
        return tuple(tensor.name for tensor in model.inputs)
    places = pack_inputs(model, range(len(inputs)))
    return tuple(sorted(places, key=places.get))


def by_name(model: keras.Model, values: Any) -> dict[str, Any]:
    """Returns what belongs to each input, by the names of a model's inputs.

    Args:
        model: functional or sequential, and built.
        values: a value for each input: nested as the model takes its inputs, a
            dictionary by their names, or a single one for a model of one input.

    Returns:
        The values by name. If `values` are nested in another way, their names
        are other than `names_of(model)`.
    """
    if _is_flat_dictionary(values):
        return dict(values)
    flat, names = keras.tree.flatten(values), names_of(model)
    if len(flat) == len(names) == 1 or _alike(values, inputs_of(model)):
        return dict(zip(names, flat, strict=True))
    return {str(place): value for place, value in enumerate(flat)}


def flat_inputs(model: keras.Model, values: Any) -> list[Any]:
    """Returns what belongs to each input, in the order of `model.inputs`.

    Args:
        model: functional or sequential, and built.
        values: as in `by_name`; they must have the names of the inputs.
    """
    named = by_name(model, values)
    return [named[name] for name in names_of(model)]


def check_names(model: keras.Model, values: Any) -> None:
    """Checks the keys of a dictionary of inputs; other values are not checked.

    Args:
        model: any model; one without a known graph is not checked.
        values: what `fit` receives as its inputs.

    Raises:
        SettingsError: if a key is missing, or the model takes a dictionary
            without one of the keys, which Keras would take for another input.
    """
    if not _is_flat_dictionary(values) or not getattr(model, "inputs", None):
        return
    names, keys = set(names_of(model)), set(values)
    unknown = keys - names if isinstance(inputs_of(model), Mapping) else set()
    faults = {"without": names - keys, "with": unknown}
    received = " and ".join(
        f"{word} {', '.join(map(repr, sorted(found)))}"
        for word, found in faults.items()
        if found
    )
    if received:
        raise errors.SettingsError(
            f"{model.name} takes inputs {', '.join(map(repr, sorted(names)))}. "
            f"Received: a dictionary {received}."
        )


def _is_flat_dictionary(values):
    return isinstance(values, Mapping) and not any(
        map(keras.tree.is_nested, values.values())
    )


def _alike(one, other):
    try:
        keras.tree.assert_same_structure(
            *map(keras.tree.lists_to_tuples, (one, other))
        )
    except ValueError:
        return False
    return True
