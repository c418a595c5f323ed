"""`tied_config`: the configuration of a model whose parts share layers."""

import collections
import copy
from collections.abc import Iterator
from typing import Any

import keras
from keras.src.saving import serialization_lib

from lit_tf import errors
from lit_tf.sections import inspection
from lit_tf.sections.functional import as_functional, read_graph

_SHARED = "shared_object_id"


def tied_config(model: keras.Model) -> dict[str, Any] | None:
    """Returns a configuration that keeps the ties between nested models.

    Keras (3.15) creates a layer that two nested models share twice, or calls it
    on the wrong tensor: it marks only the later configurations as shared, and
    it numbers the calls of a layer within each model, but looks them up among
    those of all models.

    Args:
        model: a functional model.

    Returns:
        What `get_config` should return; None if no layers are shared, and the
        model's own configuration is right.

    Raises:
        SettingsError: if Keras could not create the model from it.
    """
    with serialization_lib.ObjectSharingScope():
        config = model.get_config()
    places = collections.defaultdict(list)
    for operation, place in _places(model, config):
        places[id(operation)].append(place)
    shared = {number for number, found in places.items() if len(found) > 1}
    # A layer may also be an argument of another one.
    marked = {one[_SHARED] for one in _dictionaries(config) if _SHARED in one}
    shared |= places.keys() & marked
    if not shared:
        return None
    for number in shared:
        for place in places[number]:
            place[_SHARED] = number
    _renumber_calls(model, config, {})
    _check(model, config)
    return config


def _layer_configs(model, config):
    """Returns the layers of a model, each with its place in a configuration."""
    by_name = {
        place.get("name") or place["config"]["name"]: place
        for place in config["layers"]
    }
    return [
        (operation, by_name[operation.name])
        for operation in as_functional(model).operations
    ]


def _places(model, config):
    """Yields all layers and nested models with their configurations."""
    for operation, place in _layer_configs(model, config):
        yield operation, place
        if as_functional(operation) is not None:
            yield from _places(operation, place["config"])


def _dictionaries(value: Any) -> Iterator[dict[str, Any]]:
    """Yields all dictionaries in nested dictionaries and lists."""
    if isinstance(value, dict):
        yield value
        value = value.values()
    elif not isinstance(value, list | tuple):
        return
    for item in value:
        yield from _dictionaries(item)


def _renumber_calls(model, config, counts):
    """Adds the calls in models that Keras creates earlier to a call's number.

    Args:
        model: functional or sequential.
        config: its configuration, which is changed.
        counts: number of calls so far, by each layer that has been created; it
            is changed.
    """
    pairs = _layer_configs(model, config)
    for operation, place in pairs:
        if operation not in counts:
            counts[operation] = 0
            if as_functional(operation) is not None:
                _renumber_calls(operation, place["config"], counts)
    if isinstance(model, keras.Sequential):
        # Keras calls all layers again after each one that it adds.
        for k, layer in enumerate(model.layers):
            counts[layer] += len(model.layers) - k
        return
    before = {operation.name: counts[operation] for operation, _ in pairs}

    def renumber(history):
        """Changes the [layer, call, output] of one tensor or of several."""
        if isinstance(history, dict):
            history = history.values()
        elif history and isinstance(history[0], str):
            history[1] += before[history[0]]
            return
        for item in history:
            renumber(item)

    for operation, place in pairs:
        for one in _dictionaries(place["inbound_nodes"]):
            if "keras_history" in one:
                renumber(one["keras_history"])
        counts[operation] += len(place["inbound_nodes"])
    renumber(config["input_layers"])
    renumber(config["output_layers"])


def _check(model, config):
    """Checks that Keras creates the same model from a configuration."""

    def calls(model):
        graph = read_graph(model)
        return [(one.path, one.inputs, one.outputs) for one in graph.calls]

    serialized = keras.saving.serialize_keras_object(model)
    try:
        with serialization_lib.ObjectSharingScope():
            again = keras.saving.deserialize_keras_object(
                # Keras changes what it reads.
                serialized | {"config": copy.deepcopy(config)},
                custom_objects=inspection.classes_of(model),
                safe_mode=False,
            )
        equal = calls(again) == calls(model)
        cause = "its graph would change"
    except Exception as error:  # A user's class may raise anything.
        equal, cause = False, errors.cause(error)
    equal = equal and len(again.variables) == len(model.variables)
    if not equal:
        raise errors.SettingsError(
            f"{model.name} cannot be saved: two of its parts share a layer in "
            f"a way that the file format of Keras does not keep ({cause})."
        )
