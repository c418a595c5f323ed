"""`copy_model`, `copy_state`: the one way to copy a model and its state.

The state of a layer is what Keras's own saving carries: its variables, and
assets such as a vocabulary, from which lookup tables are created.
"""

import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras.src.saving import serialization_lib

from lit_tf import errors
from lit_tf.sections import layer_config, samples, sectioned_model
from lit_tf.sections.functional import as_functional, is_known
from lit_tf.sections.sectioned_model import SectionedModel

# (layer, its configuration) → a layer that takes its place, None for a copy.
Replace = Callable[[keras.Operation, dict[str, Any]], keras.Operation | None]


def copy_model(
    model: keras.Model,
    *,
    policy: str | None = None,
    sync_batch_norm: bool = False,
    thaw: bool = False,
    weights: bool = True,
    replace: Replace | None = None,
    share: bool = False,
) -> keras.Model:
    """Copies a model from its configuration, with all its state.

    Variables that layers share stay shared in the copy. A layer of a class that
    neither Keras nor `lit_tf` defines may keep state in a way of its own: then
    the answers of model and copy are compared on one batch.

    Args:
        model: functional or sequential, with or without sections.
        policy: dtype policy of the copy, "float32", "mixed_float16" or
            "mixed_bfloat16"; None for that of each layer. Layers with a fixed
            dtype (`layers.Normalize`, `layers.Float32`) keep it.
        sync_batch_norm: with a `policy`, whether BatchNorm uses the statistics
            of the global batch if several replicas train.
        thaw: whether all layers of the copy are trainable. Otherwise each layer
            is as trainable as the original.
        weights: whether the copy has the values of all variables. If False, it
            has new initial values, except in layers that training does not
            change, such as an adapted `Normalization`.
        replace: a function (layer, its configuration under `policy`) → a new
            layer that takes its place, or None to copy the layer. The state of
            the new layer is not set.
        share: whether a layer that cannot be created from its configuration is
            shared with the model. Otherwise it is an error.

    Returns:
        A new model, which is not compiled.

    Raises:
        SettingsError: if a layer cannot be copied.
    """

    def configured(config: dict[str, Any]) -> dict[str, Any]:
        if policy is None:
            return config
        return layer_config.under_policy(
            config, policy, sync_batch_norm=sync_batch_norm
        )

    copier = _Copier(model, configured, replace, share)
    copy = copier.copy(model)
    for layer, twin in copier.layers:
        copy_state(layer, twin, trained=weights)
    # Setting a model's flag sets that of each layer in it.
    flags = [*copier.models]
    for layer, twin in copier.layers:
        flags += _pairs(layer, twin)
    for layer, twin in flags:
        if twin.trainable != (thaw or layer.trainable):
            twin.trainable = thaw or layer.trainable
    if weights and replace is None:
        check_copy(model, copy)
    return copy


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


def check_copy(model: keras.Model, copy: keras.Model) -> None:
    """Checks on one batch that a copy answers as its model does.

    Only models with a layer that neither Keras nor `lit_tf` defines are
    checked, and only if a batch can be made for them.

    Args:
        model: the original.
        copy: its copy, which may return other tensors before the model's
            outputs.

    Raises:
        SettingsError: if the answers differ; the message names the layers.
    """
    unknown = {
        f"{layer.name!r} ({type(layer).__name__})"
        for layer in model._flatten_layers(include_self=False)
        if not is_known(layer)
    }
    if not unknown:
        return
    expected, repeated = samples.answers(model), samples.answers(model)
    if expected is None or not _agree(expected, repeated):
        return  # It cannot compute the batch, or its answers are random.
    answers = samples.answers(copy)
    if answers is None or not _agree(expected, answers[-len(expected) :]):
        raise errors.SettingsError(
            f"A copy of {model.name} does not answer as the model does. One "
            "of its layers has state that neither `get_config` nor "
            "`save_own_variables` returns. The layers whose classes are not "
            f"from Keras are {', '.join(sorted(unknown))}."
        )


class _Copier:
    """Copies every layer once, also if several models call it.

    Attributes:
        layers: pairs of a layer and its copy.
        models: pairs of a nested model and its copy, the outer ones first.
    """

    def __init__(self, model, configured, replace, share):
        self.layers = []
        self.models = []
        self._copies = {}
        self._configured = configured
        self._replace = replace
        self._share = share
        self._configs = {}
        self._classes = {}
        # In this scope Keras marks the layers that several configurations
        # contain.
        with serialization_lib.ObjectSharingScope():
            self._serialize(model)

    def copy(self, model):
        with (
            serialization_lib.ObjectSharingScope(),
            keras.saving.custom_object_scope(self._classes),
        ):
            if not isinstance(model, SectionedModel):
                return self._copied(model)
            parts = map(self._copied, sectioned_model.parts_of(model))
            return sectioned_model.with_parts(model, list(parts))

    def _serialize(self, operation):
        if operation in self._configs:
            return
        self._configs[operation] = None
        if isinstance(operation, SectionedModel):
            inner = sectioned_model.parts_of(operation)
        elif (graph := as_functional(operation)) is not None:
            inner = graph.operations
        else:
            inner = ()
            self._configs[operation] = layer_config.serialized(operation)
            for layer in _flatten(operation):
                if not is_known(layer):
                    kind = type(layer)
                    name = keras.saving.get_registered_name(kind)
                    self._classes[name] = kind
        for one in inner:
            self._serialize(one)

    def _copied(self, operation):
        if operation not in self._copies:
            graph = as_functional(operation)
            if graph is None:
                copy = self._copied_layer(operation)
            else:
                copy = self._copied_model(operation, graph)
            self._copies[operation] = copy
        return self._copies[operation]

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
            outputs = graph._run_through_graph(inputs, self._copied)
            copy = keras.Model(inputs, outputs, name=model.name)
        self.models.insert(place, (model, copy))
        return copy

    def _copied_layer(self, layer):
        config = self._configs[layer]
        try:
            if isinstance(config, Exception):
                raise config
            config = self._configured(config)
            if self._replace is not None:
                new = self._replace(layer, config["config"])
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


def _agree(expected, answers):
    """Returns whether answers agree, as far as half precision allows."""
    for one, other in zip(expected, answers, strict=True):
        one, other = (np.reshape(z, (len(z), -1)) for z in (one, other))
        # The examples of a sample differ in scale.
        size = np.max(np.abs(one), axis=1, keepdims=True, initial=0.0)
        if not (np.abs(one - other) <= 0.05 * size + 1e-5).all():
            return False
    return True
