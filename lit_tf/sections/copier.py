"""`copy_models`, `copy_state`: copies of functional models that share layers.

The state of a layer is what Keras's own saving carries: its variables, and
assets such as a vocabulary, from which lookup tables are created.
"""

import inspect
import tempfile
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras.src.saving import serialization_lib

from lit_tf import errors
from lit_tf.sections import layer_config
from lit_tf.sections.functional import as_functional, is_known

# (layer, its configuration) → a layer that takes its place, None for a copy.
Replace = Callable[[keras.Operation, dict[str, Any]], keras.Operation | None]


def copy_models(
    models: Sequence[keras.Model],
    *,
    configured: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    thaw: bool = False,
    weights: bool = True,
    replace: Replace | None = None,
    share: bool = False,
) -> list[keras.Model]:
    """Copies functional or sequential models; shared layers stay shared.

    Args:
        models: the models.
        configured: a function from the serialized form of a layer to that of
            its copy; by default they are equal.
        thaw: see `copying.copy_model`.
        weights: see `copying.copy_model`.
        replace: see `copying.copy_model`.
        share: see `copying.copy_model`.

    Returns:
        New models, which are not compiled.

    Raises:
        SettingsError: if a layer cannot be copied.
    """
    copier = _Copier(models, configured, replace, share)
    copies = copier.copy()
    for layer, twin in copier.layers:
        copy_state(layer, twin, trained=weights)
    # Setting a model's flag sets that of each layer in it.
    flags = [*copier.models, *copier.replaced]
    for layer, twin in copier.layers:
        flags += _pairs(layer, twin)
    for layer, twin in flags:
        if twin.trainable != (thaw or layer.trainable):
            twin.trainable = thaw or layer.trainable
    return copies


def copy_state(
    source: keras.layers.Layer,
    target: keras.layers.Layer,
    *,
    trained: bool = True,
) -> None:
    """Copies variables and assets of a layer or model to one of equal build.

    Args:
        source: a built layer or model.
        target: a built layer or model with the same layers.
        trained: whether layers with trainable variables are included; default
            True. Others, such as an adapted `Normalization`, always are.

    Raises:
        SettingsError: if the two have different layers or variables.
    """
    try:
        for layer, twin in _pairs(source, target):
            if layer._trainable_variables and not trained:
                continue
            store = _Store()
            layer.save_own_variables(store)
            twin.load_own_variables(store)
            if hasattr(layer, "save_assets"):
                with tempfile.TemporaryDirectory() as folder:
                    layer.save_assets(folder)
                    twin.load_assets(folder)
    except (ValueError, KeyError, TypeError) as error:
        raise errors.SettingsError(
            f"The state of {source.name!r} ({type(source).__name__}) cannot be "
            f"copied to {target.name!r} ({type(target).__name__}): "
            f"{errors.cause(error)}"
        ) from error


class _Copier:
    """Copies every layer once, also if several models call it.

    Attributes:
        layers: pairs of a layer and its copy.
        models: pairs of a model and its copy, the outer ones first.
        replaced: pairs of a layer or nested model and what takes its place.
    """

    def __init__(self, models, configured, replace, share):
        self.layers = []
        self.models = []
        self.replaced = []
        self._originals = models
        self._copies = {}
        self._configured = configured
        self._replace = replace
        self._share = share
        self._configs = {}
        self._known = {}  # The user's classes and functions, by name.
        # In this scope Keras marks the layers that several configurations
        # contain.
        with serialization_lib.ObjectSharingScope():
            for model in models:
                self._serialize(model)

    def copy(self):
        with (
            serialization_lib.ObjectSharingScope(),
            keras.saving.custom_object_scope(self._known),
        ):
            return [self._copied(model) for model in self._originals]

    def _serialize(self, operation):
        if operation in self._configs:
            return
        self._configs[operation] = None
        if (graph := as_functional(operation)) is not None:
            inner = graph.operations
        else:
            inner = ()
            self._configs[operation] = layer_config.serialized(operation)
            for layer in _flatten(operation):
                if not is_known(layer):
                    kind = type(layer)
                    name = keras.saving.get_registered_name(kind)
                    self._known[name] = kind
                # Those of a layer in a wrapper, such as `TimeDistributed`.
                for value in vars(layer).values():
                    if isinstance(value, types.FunctionType):
                        name = keras.saving.get_registered_name(value)
                        self._known[name] = value
        for one in inner:
            self._serialize(one)

    def _copied(self, operation):
        if operation not in self._copies:
            graph = as_functional(operation)
            if graph is None:
                copy = self._copied_layer(operation)
            else:
                copy = self._replacement(operation, {})
                if copy is None:
                    copy = self._copied_model(operation, graph)
            self._copies[operation] = copy
        return self._copies[operation]

    def _replacement(self, operation, config):
        new = self._replace and self._replace(operation, config)
        if isinstance(new, keras.layers.Layer):
            self.replaced.append((operation, new))
        return new

    def _copied_model(self, model, graph):
        place = len(self.models)
        # Keras creates layers in this order too when it loads a model. The
        # order decides which seeds their initializers draw.
        for operation in graph.operations:
            self._copied(operation)
        inputs = keras.tree.map_structure(
            lambda t: self._copied(t._keras_history.operation).output,
            graph.input,
        )
        if isinstance(model, keras.Sequential):
            layers = [self._copied(layer) for layer in model.layers]
            copy = keras.Sequential([inputs, *layers], name=model.name)
        else:
            outputs = graph._run_through_graph(inputs, self._callable)
            copy = keras.Model(inputs, outputs, name=model.name)
        self.models.insert(place, (model, copy))
        return copy

    def _callable(self, operation):
        copy = self._copied(operation)
        if as_functional(operation) is None or as_functional(copy) is not None:
            return copy
        # A layer takes the place of a model. Keras called the model with a
        # `mask` and `training`, which the layer need not take.
        known = inspect.signature(copy.call).parameters
        return lambda *args, **kwargs: copy(
            *args, **{key: kwargs[key] for key in kwargs if key in known}
        )

    def _copied_layer(self, layer):
        config = self._configs[layer]
        try:
            if isinstance(config, Exception):
                raise config
            config = self._configured(config)
            new = self._replacement(layer, config["config"])
            if new is not None:
                return new
            if "shared_object_id" in config:
                copy = keras.saving.deserialize_keras_object(config)
            else:
                copy = layer_config.build(layer, config["config"])
        except Exception as error:  # A user's class may raise anything.
            if self._share or not getattr(layer, "weights", ()):
                return layer
            raise errors.SettingsError(
                f"The layer {layer.name!r} ({type(layer).__name__}) cannot be "
                "created from its configuration. Give its class a `get_config` "
                f"that returns all its arguments ({errors.cause(error)})."
            ) from error
        if isinstance(layer, keras.layers.Layer):
            self.layers.append((layer, copy))
        return copy


class _Store(dict):
    """What a layer saves: copies of its arrays, by name."""

    def __setitem__(self, key, value):
        super().__setitem__(key, np.array(keras.ops.convert_to_numpy(value)))


def _flatten(layer):
    """Returns a layer and all layers in it; itself if it is an operation."""
    if isinstance(layer, keras.layers.Layer):
        return layer._flatten_layers()
    return [layer]


def _pairs(
    source: keras.layers.Layer, target: keras.layers.Layer
) -> Iterator[tuple[keras.layers.Layer, keras.layers.Layer]]:
    """Yields the layers of two models in order, without the nested models."""

    def layers(model):
        return [
            layer
            for layer in model._flatten_layers()
            if as_functional(layer) is None
            and not isinstance(layer, keras.layers.InputLayer)
        ]

    return zip(layers(source), layers(target), strict=True)
