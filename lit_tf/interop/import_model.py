"""Import of a checkpoint or a Keras file as a `.keras` model with logits."""

import hashlib
import pathlib
from typing import Any

import keras
import numpy as np

from lit_tf import config, data, errors, layers, models
from lit_tf.data.normalization import names, resolve
from lit_tf.interop import checkpoint_files
from lit_tf.models import torch_weights
from lit_tf.sections import (
    copying,
    cost,
    data_form,
    functional,
    input_shapes,
    model_files,
    probabilities,
    sectioned_model,
    softmax,
)
from lit_tf.sections.sectioned_model import SectionedModel

_ARCHITECTURE = config.Architecture()
_KERAS = (".keras", ".h5")


def import_model(
    source: str,
    output: str,
    settings: config.Data,
    *,
    model: str = "",
    architecture: config.Architecture = _ARCHITECTURE,
    normalization: str = "",
    overwrite: bool = False,
) -> dict[str, Any]:
    """Imports a model from a file: raw inputs → logits, in float32.

    A final softmax is removed.

    Args:
        source: path of a checkpoint (`checkpoint_files.READERS`) or of a Keras
            model.
        output: path of the `.keras` file to write.
        settings: the dataset that the model's inputs and classes match; its
            files are not needed.
        model: name of a checkpoint's architecture; "" for a Keras model.
        architecture: options of the architecture besides its depth.
        normalization: the normalization that the model was trained with, as
            `normalization.resolve` takes it. It becomes part of the stem. ""
            for texts, and for Keras models that take raw inputs.
        overwrite: whether an existing file at `output` may be replaced.

    Returns:
        `model`, its name; `parameters`, their number; `arrays`, the number of
        variables; the `normalization`; and `softmax`, whether one was removed.

    Raises:
        SettingsError: if settings are invalid, or the model's inputs or classes
            differ from the dataset's.
        DataError: if the source is missing, damaged, contains code or does not
            fit; its outputs are not logits; or `output` exists.
    """
    path, target = pathlib.Path(source), pathlib.Path(output)
    settings = data.named(settings)
    dataset = settings.dataset
    form = data.source(dataset).form(settings)
    images = "mean" in form
    _check_settings(path, target, model, normalization, images)
    normalization = normalization or "none"
    if images:
        form |= resolve(normalization, form["input_shape"][-1])
    _check_target(target, overwrite)
    if path.suffix in _KERAS:
        source_model = _from_keras(
            path, dataset, form, normalize=normalization != "none"
        )
    else:
        builder = models.get(model, **architecture.options)
        source_model = _from_checkpoint(path, builder(**form))
    logits = _logits(source_model, path)
    data_form.check(logits, dataset, form)
    _check_outputs(logits, path)
    if isinstance(logits, SectionedModel):
        logits.facts["imported"] = {
            "source": path.name,
            "sha256": _hash(path),
            "normalization": normalization,
        }
    model_files.save(logits, target)
    return {
        "model": logits.name,
        "parameters": cost.parameters(logits),
        "arrays": len(logits.variables),
        "normalization": normalization,
        "softmax": logits is not source_model,
    }


def _check_settings(path, target, model, normalization, images):
    if target.suffix != ".keras":
        raise errors.SettingsError(
            f"`output` must be a .keras file. Received: {target}."
        )
    if target.resolve() == path.resolve():
        raise errors.SettingsError(
            f"`output` must differ from `source`. Received: {target}."
        )
    if normalization not in ("", "none") and not images:
        raise errors.SettingsError(
            "`normalization` applies to images, not to texts. Received: "
            f"normalization={normalization!r}."
        )
    if path.suffix in _KERAS:
        if model:
            raise errors.SettingsError(
                f"`model` is for checkpoints; {path} contains its "
                f"architecture. Received: model={model!r}."
            )
        return
    if path.suffix not in checkpoint_files.READERS:
        known = ", ".join((*checkpoint_files.READERS, *_KERAS))
        raise errors.SettingsError(
            f"`source` must end in one of {known}. Received: {path}."
        )
    if not model:
        raise errors.SettingsError(
            f"`model` must name the architecture of {path}, for example "
            f"{models.names()[0]}."
        )
    models.get(model)
    if images and not normalization:
        raise errors.SettingsError(
            f"`normalization` must name the normalization that {path} was "
            f"trained with: {', '.join(names())}, or the mean of each channel, "
            "then the standard deviation of each."
        )


def _check_target(target, overwrite):
    if target.is_dir():
        raise errors.DataError(f"{target} is a folder, not a file.")
    if target.exists() and not overwrite:
        raise errors.DataError(f"{target} exists; --overwrite replaces it.")


def _from_checkpoint(path, model):
    arrays = checkpoint_files.read(path)
    recognized = models.architecture_of(arrays)
    torch_weights.assign(
        models.torch_variables(model),
        models.used_arrays(model.name, arrays),
        source=str(path),
        target=model.name,
        hint=f" It looks like {recognized}."
        if recognized not in (model.name, None)
        else "",
    )
    return model


def _from_keras(path, dataset, form, *, normalize):
    model = model_files.load(path)
    functional.require_functional(model)
    model = input_shapes.fixed(model, data_form.inputs_of(form))
    if any(None in t.shape[1:] for t in model.inputs):
        data_form.check(model, dataset, form)
    # A single output in a list or a dictionary is refused too.
    single = len(getattr(model, "inputs", ())) == 1 and not isinstance(
        model(keras.ops.zeros((1, *model.inputs[0].shape[1:]))), list | dict
    )
    if not single:
        raise errors.SettingsError(
            f"{path} must hold a model of one input and one output."
        )
    model = copying.copy_model(model, policy="float32")
    if not normalize:
        return model
    layer = layers.Normalize(form["mean"], form["std"], name="normalize")
    if isinstance(model, SectionedModel):
        stem, *others = sectioned_model.parts_of(model)
        return sectioned_model.with_parts(
            model, [_preceded(stem, layer), *others]
        )
    return _preceded(model, layer)


def _logits(model, path):
    """Returns a model without its final softmax or sigmoid.

    The sigmoid of several outputs is that of independent labels, and the models
    of commands have exclusive classes.
    """
    several = model.output_shape[-1] != 1
    if several and softmax.activation(model) == "sigmoid":
        raise errors.DataError(
            f"The outputs of {path} must be logits. Received: probabilities, "
            f"{model.output_shape[-1]} independent labels of a sigmoid. Such a "
            "model can be distilled in Python: "
            "`outputs=lit_tf.outputs.Labels()`."
        )
    return softmax.logits(model)


def _check_outputs(model, path):
    """Checks on random inputs that outputs are finite and are logits."""
    random = np.random.default_rng(0)
    noise = [random.uniform(0, 255, (8, *t.shape[1:])) for t in model.inputs]
    noise = noise[0] if len(noise) == 1 else noise
    outputs = keras.ops.convert_to_numpy(model(noise, training=False))
    if not np.isfinite(outputs).all():
        raise errors.DataError(
            f"The outputs of {path} must be finite. Received: nan or inf."
        )
    # One logit may lie in [0, 1] for all of a few inputs.
    if outputs.shape[-1] == 1:
        found = probabilities.returns_probabilities(model)
    else:
        found = probabilities.look_like_probabilities(outputs)
    if found:
        raise errors.DataError(
            f"The outputs of {path} must be logits. Received: probabilities, "
            "without a final softmax that could be removed."
        )


def _preceded(model, layer):
    """Returns a model with a layer before it."""
    inputs = keras.Input(model.input_shape[1:], dtype="float32", name="image")
    return keras.Model(inputs, model(layer(inputs)), name=model.name)


def _hash(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
