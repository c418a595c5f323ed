"""Models of a class with a number of layers: read it, build one with fewer.

A class such as a backbone of KerasHub states its number of blocks in its
configuration, as `num_layers`.
"""

from collections.abc import Callable
from typing import Any

import keras

from lit_tf.sections.functional import is_known

# A configuration → one that is used instead.
Configured = Callable[[dict[str, Any]], dict[str, Any]]

_LAYERS = "num_layers"


def layers_of(model: keras.Model | None) -> int | None:
    """Returns the number of layers that the class of a model states.

    Args:
        model: any model, or None.

    Returns:
        `num_layers` in the configuration of the model, or of its backbone; None
        if there is none.
    """
    if model is None or is_known(model):
        return None
    config = _config(model)
    return (_backbone(config) or config).get(_LAYERS)


def rebuilt(
    model: keras.Model, layers: int | None, configured: Configured = dict
) -> keras.Model | None:
    """Returns a new model of the same class with another number of layers.

    The new model has new initial weights. It shares the preprocessor, such as a
    tokenizer, with the original.

    Args:
        model: a model whose class states a number of layers.
        layers: the number of layers.
        configured: a function that changes the configuration of the new model.

    Returns:
        The model; None if the class does not state a number of layers, or
        cannot be built from its configuration.
    """
    if layers_of(model) is None:
        return None
    config = _config(model)
    backbone = _backbone(config)
    if backbone is None:
        config = config | {_LAYERS: layers}
    else:
        inner = {"config": backbone | {_LAYERS: layers}}
        config = config | {"backbone": config["backbone"] | inner}
    preprocessor = getattr(model, "preprocessor", None)
    if preprocessor is not None:
        config = config | {"preprocessor": None}
    try:
        new = type(model).from_config(configured(config))
    except Exception:  # A class of any kind may raise anything.
        return None
    if preprocessor is not None:
        new.preprocessor = preprocessor
    return new


def _config(model) -> dict[str, Any]:
    try:
        return dict(model.get_config())
    except Exception:  # A class of any kind may raise anything.
        return {}


def _backbone(config):
    """Returns the configuration of the backbone of a model; None if none."""
    backbone = config.get("backbone")
    inner = backbone.get("config") if isinstance(backbone, dict) else None
    return inner if isinstance(inner, dict) else None
