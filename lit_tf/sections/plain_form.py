"""`plain_form`: a model of Keras's own layers alone; `restored`: the way back.

Each layer of `lit_tf` is replaced by a layer of Keras, or by a nested model of
Keras's operations, with the same name (`layers.keras_form`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import keras

from lit_tf import layers
from lit_tf.sections import structure
from lit_tf.sections.copier import copy_models, copy_state
from lit_tf.sections.functional import as_functional


def plain_form(
    model: keras.Model,
) -> tuple[keras.Model, dict[str, dict[str, Any]]]:
    """Returns a functional model that computes the same without `lit_tf`.

    A layer of `lit_tf` inside another layer, such as a `TimeDistributed`, has
    no such form and stays.

    Args:
        model: functional, with or without sections.

    Returns:
        The model, and the serialized layers of `lit_tf` that it does not have,
        by path: names of nested models and of the layer, separated by "/". If
        there are none, the model shares its layers with the original, and
        otherwise none.
    """
    plain = model
    if not is_stock(model):
        inputs = structure.inputs_of(model)
        outputs = structure.outputs_of(model)
        plain = keras.Model(inputs, outputs, name=model.name)
    replaced = {}

    def replace(layer: keras.Operation, _: Any) -> keras.Operation | None:
        try:
            form = layers.keras_form(layer)
        except Exception:  # A user's activation may have no configuration.
            return None
        if form is not None:
            replaced[layer] = form
        return form

    # Of a `SectionedModel` in the model, only the parts are copied.
    if not any(_is_ours(x) for _, x in _operations(plain)):
        return plain, {}
    (copy,) = copy_models([plain], replace=replace, share=True)
    for layer, form in replaced.items():
        if layer.weights:
            copy_state(layer, form)
    paths = {layer: path for path, layer in _operations(plain)}
    serialize = keras.saving.serialize_keras_object
    return copy, {paths[layer]: serialize(layer) for layer in replaced}


def restored(
    model: keras.Model, replaced: Mapping[str, dict[str, Any]]
) -> keras.Model:
    """Returns a copy of a plain model with the layers that were replaced.

    Args:
        model: a model that `plain_form` returned.
        replaced: the serialized layers by path.

    Raises:
        ValueError: if a layer is not of `lit_tf` or does not fit the model.
    """
    places = dict(_operations(model))
    originals = {}
    for path, config in replaced.items():
        if path not in places:
            raise ValueError(f"it has no layer {path!r}")
        originals[places[path]] = _original(path, places[path], config)
    (copy,) = copy_models(
        [model], replace=lambda layer, _: originals.get(layer)
    )
    for layer, original in originals.items():
        if layer.weights:
            copy_state(layer, original)
    return copy


def is_stock(model: keras.Model) -> bool:
    """Returns whether a model is a functional or sequential one of Keras.

    Args:
        model: any model.
    """
    is_keras = type(model).__module__.partition(".")[0] == "keras"
    return is_keras and as_functional(model) is not None


def _is_ours(operation):
    return type(operation).__module__.partition(".")[0] == "lit_tf"


def _operations(
    model: keras.Model, prefix: str = ""
) -> Iterator[tuple[str, keras.Operation]]:
    """Yields layers, operations and nested models with their paths."""
    for operation in as_functional(model).operations:
        path = prefix + operation.name
        yield path, operation
        if as_functional(operation) is not None:
            yield from _operations(operation, f"{path}/")


def _original(path, form, config):
    """Returns the layer of `lit_tf` that was saved in another form."""
    name = str(config["registered_name"])
    kind = getattr(layers, name.removeprefix("lit_tf>"), None)
    if not (isinstance(kind, type) and issubclass(kind, keras.layers.Layer)):
        raise ValueError(f"the layer {path!r} is of an unknown class {name!r}")
    layer = kind.from_config(config["config"])
    if not layers.is_keras_form(form, layer):
        raise ValueError(
            f"the layer {path!r}, a {type(form).__name__}, is not what the "
            f"{kind.__name__} {layer.name!r} is saved as"
        )
    return layer
