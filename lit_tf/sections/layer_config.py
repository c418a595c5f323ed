"""Configurations of layers: read them, change them, build layers from them."""

import types
from typing import Any

import keras


def copy_layer(layer: keras.layers.Layer, **changes: Any) -> keras.layers.Layer:
    """Copies one layer from its configuration, without its state.

    Args:
        layer: the layer.
        **changes: settings that replace those of the configuration.
    """
    return build(layer, config_of(layer) | changes)


def under_policy(
    config: Any, policy: str, *, sync_batch_norm: bool = False
) -> Any:
    """Returns the config of a layer or model under another dtype policy.

    Args:
        config: serialised layer or model.
        policy: "float32", "mixed_float16" or "mixed_bfloat16".
        sync_batch_norm: value of each `synchronized` of a BatchNorm.
    """
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return config | {"config": {"name": policy}}
        return {
            key: sync_batch_norm
            if key == "synchronized"
            else under_policy(item, policy, sync_batch_norm=sync_batch_norm)
            for key, item in config.items()
        }
    if isinstance(config, list | tuple):
        return type(config)(
            under_policy(item, policy, sync_batch_norm=sync_batch_norm)
            for item in config
        )
    return config


def serialized(operation: keras.Operation) -> dict[str, Any] | Exception:
    """Returns the serialised form of a layer.

    Args:
        operation: a layer or operation.

    Returns:
        A dictionary with the key "config"; an exception if the layer has no
        such form.
    """
    try:
        if isinstance(operation, keras.layers.Lambda):
            return {"config": config_of(operation)}
        return keras.saving.serialize_keras_object(operation)
    except Exception as error:  # A user's class may raise anything.
        return error


def config_of(layer: keras.Operation) -> dict[str, Any]:
    """Returns the configuration of a layer; of a `Lambda`, with its functions.

    Args:
        layer: a layer or operation.
    """
    if not isinstance(layer, keras.layers.Lambda):
        return layer.get_config()
    # Keras would write the functions as code, which only runs with their module
    # imported and is refused unless unsafe code is allowed.
    return keras.layers.Layer.get_config(layer) | {
        "function": layer.function,
        "output_shape": layer._output_shape,
        "mask": layer.mask,
        "arguments": layer.arguments,
    }


def build(layer: keras.Operation, config: dict[str, Any]) -> keras.Operation:
    """Builds a layer of the class of another one.

    Args:
        layer: the other layer. Its Python functions, such as an activation, are
            used themselves, and not as `config` describes them.
        config: the configuration, changed or not; it is not used again.
    """
    if isinstance(layer, keras.layers.Lambda):
        return type(layer)(**config)
    functions = {
        key: getattr(layer, key, None)
        for key, value in config.items()
        if isinstance(value, dict)
    }
    functions = {
        key: value
        for key, value in functions.items()
        if isinstance(value, types.FunctionType)
    }
    return type(layer).from_config(config | functions)
