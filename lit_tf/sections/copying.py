"""`copy_model`: the one way to copy a model and its state."""

from typing import Any

import keras
import numpy as np

from lit_tf import errors
from lit_tf.sections import (
    inspection,
    layer_config,
    model_class,
    same_class,
    samples,
    sectioned_model,
)
from lit_tf.sections.copier import Replace, copy_models, copy_state
from lit_tf.sections.functional import is_known
from lit_tf.sections.sectioned_model import SectionedModel

__all__ = ["check_copy", "copy_model", "copy_state"]

# Largest difference of answers that agree, relative to their size.
_ERROR = 0.05
# In half precision, where layers add up their rounding errors.
_HALF_ERROR = 0.1


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
            the new layer is not set. For a nested model, of which None copies
            each layer, the configuration is empty.
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

    if replace is None:
        copy = _copy_of_the_same_class(model, configured, thaw, weights)
        if copy is not None:
            return copy
    copies = copy_models(
        sectioned_model.parts_of(model),
        configured=configured,
        thaw=thaw,
        weights=weights,
        replace=replace,
        share=share,
    )
    if isinstance(model, SectionedModel):
        copy = sectioned_model.with_parts(model, copies)
    else:
        (copy,) = copies
    if weights and replace is None:
        check_copy(model, copy)
    return copy


def _copy_of_the_same_class(model, configured, thaw, weights):
    """Returns a copy of a model that `split` cut from one of its own class."""
    source = getattr(model, "source", None)
    layers = model_class.layers_of(source)
    copy = same_class.build(source, model, layers, configured)
    if copy is None:
        return None
    for part, twin in zip(
        sectioned_model.parts_of(model),
        sectioned_model.parts_of(copy),
        strict=True,
    ):
        copy_state(part, twin, trained=weights)
        for layer, new in zip(
            part._flatten_layers(), twin._flatten_layers(), strict=True
        ):
            if new.trainable != (thaw or layer.trainable):
                new.trainable = thaw or layer.trainable
    return copy


def check_copy(model: keras.Model, copy: keras.Model) -> None:
    """Checks on one batch that a copy answers as its model does.

    Only models with a layer that neither Keras nor `lit_tf` defines are
    checked, and only if a batch can be made for them. Differences that rounding
    could cause in half precision are not found.

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
    dtypes = inspection.computes_in(model) | inspection.computes_in(copy)
    error = _HALF_ERROR if dtypes & {"float16", "bfloat16"} else _ERROR
    period = samples.period(model)
    expected, repeated = samples.answers(model), samples.answers(model)
    if expected is None or not _agree(expected, repeated, _ERROR, period):
        return  # It cannot compute the batch, or its answers are random.
    answers = samples.answers(copy)
    if answers is None or not _agree(
        expected, answers[-len(expected) :], error, period
    ):
        raise errors.SettingsError(
            f"A copy of {model.name} does not answer as the model does. One "
            "of its layers has state that neither `get_config` nor "
            "`save_own_variables` returns. The layers whose classes are not "
            f"from Keras are {', '.join(sorted(unknown))}."
        )


def _agree(expected, answers, error, period):
    """Returns whether answers agree, up to an error relative to their size.

    Args:
        expected: the answers of the model.
        answers: those of its copy.
        error: the largest difference, relative to the size of an answer.
        period: examples i and i + period have inputs of one scale.
    """
    for one, other in zip(expected, answers, strict=True):
        one, other = (
            np.reshape(z, (len(z), -1)).astype("float32") for z in (one, other)
        )
        size = np.max(np.abs(one), axis=1, initial=0.0)
        # The answer to one example may be near 0 by chance: others of its scale
        # count too.
        scale = np.arange(len(size)) % period
        mean = np.bincount(scale, size) / np.bincount(scale)
        size = np.maximum(size, mean[scale])[:, np.newaxis]
        if not (np.abs(one - other) <= error * size + 1e-5).all():
            return False
    return True
