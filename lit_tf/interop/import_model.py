"""Weights from elsewhere: a checkpoint or a Keras file → a model of ours."""

import hashlib
import pathlib
from typing import Any

import keras
import numpy as np

from lit_tf import config, data, errors, layers, models
from lit_tf.data.normalization import names, resolve
from lit_tf.interop import checkpoint_files
from lit_tf.models import torch_weights
from lit_tf.sections import compatibility, cost, sectioned_model, softmax
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
    """Writes somebody else's weights as a model, raw inputs → logits.

    A final softmax is taken off. What is written computes in float32.

    Args:
        source: a checkpoint (`weights.READERS`) or a Keras model.
        output: the `.keras` file to write.
        settings: the data set whose inputs and classes the model has, and how
            it is read; its files are not needed.
        model: the architecture of a checkpoint; a Keras model has its own.
        architecture: what it is built with, beside its depth.
        normalization: what the model was trained behind, as
            `normalizations.resolve` takes it. It goes into the stem. A Keras
            model needs none if it takes raw inputs, a model of texts ever.
        overwrite: whether a file that stands at `output` may be replaced.

    Returns:
        The `model`'s name, its `parameters`, how many `arrays` they were read
        from, the `normalization`, and whether a `softmax` was taken off.

    Raises:
        SettingsError: a setting cannot be, or the model has other inputs or
            classes than the data set.
        DataError: the source is missing, damaged, wants to run code or does
            not fit; its answers are no logits; or something stands at `output`.
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
        found = _from_keras(path, form, front=normalization != "none")
    else:
        builder = models.get(model, **architecture.options)
        found = _from_checkpoint(path, builder(**form))
    logits = softmax.logits(found)
    compatibility.check_form(logits, dataset, form)
    _check_answers(logits, path)
    if isinstance(logits, SectionedModel):
        logits.facts["imported"] = {
            "source": path.name,
            "sha256": _hash(path),
            "normalization": normalization,
        }
    sectioned_model.save(logits, target)
    return {
        "model": logits.name,
        "parameters": cost.parameters(logits),
        "arrays": len(logits.variables),
        "normalization": normalization,
        "softmax": logits is not found,
    }


def _check_settings(path, target, model, normalization, images):
    if target.suffix != ".keras":
        raise errors.SettingsError(
            f"`output` must be a .keras file. Received: {target}."
        )
    if target.resolve() == path.resolve():
        raise errors.SettingsError(
            f"`output` must be another file than `source`. Received: {target}."
        )
    if normalization not in ("", "none") and not images:
        raise errors.SettingsError(
            "`normalization` is of images, and texts have none. Received: "
            f"normalization={normalization!r}."
        )
    if path.suffix in _KERAS:
        if model:
            raise errors.SettingsError(
                f"`model` is for a checkpoint; {path} has an architecture of "
                f"its own. Received: model={model!r}."
            )
        return
    if path.suffix not in checkpoint_files.READERS:
        known = ", ".join((*checkpoint_files.READERS, *_KERAS))
        raise errors.SettingsError(
            f"`source` must end in one of {known}. Received: {path}."
        )
    if not model:
        raise errors.SettingsError(
            f"`model` must name the architecture of {path}, such as "
            f"{models.names()[0]}."
        )
    models.get(model)
    if images and not normalization:
        raise errors.SettingsError(
            f"`normalization` must say what {path} was trained behind: "
            f"{', '.join(names())}, or a mean and a standard "
            "deviation of each channel."
        )


def _check_target(target, overwrite):
    if target.is_dir():
        raise errors.DataError(f"{target} is a folder, not a file.")
    if target.exists() and not overwrite:
        raise errors.DataError(f"{target} exists; --overwrite replaces it.")


def _from_checkpoint(path, model):
    arrays = checkpoint_files.read(path)
    like = models.recognized(arrays)
    torch_weights.assign(
        models.published(model),
        models.read(model.name, arrays),
        source=str(path),
        target=model.name,
        hint=f" It looks like {like}."
        if like not in (model.name, None)
        else "",
    )
    return model


def _from_keras(path, form, *, front):
    model = sectioned_model.load(path)
    # One output may yet come in a list or a dictionary.
    one = len(getattr(model, "inputs", ())) == 1 and not isinstance(
        model(keras.ops.zeros((1, *model.inputs[0].shape[1:]))), list | dict
    )
    if not one:
        raise errors.SettingsError(
            f"{path} must hold a model of one input and one output."
        )
    model = sectioned_model.with_policy(model, "float32")
    if not front:
        return model
    normalize = layers.Normalize(form["mean"], form["std"], name="normalize")
    if isinstance(model, SectionedModel):
        return SectionedModel(
            _behind(normalize, model.stem),
            model.sections,
            model.head,
            name=model.name,
            depth=model.depth,
            facts=model.facts,
        )
    return _behind(normalize, model)


def _check_answers(model, path):
    """Asks a model about noise: its answers are finite, and are logits."""
    random = np.random.default_rng(0)
    noise = [random.uniform(0, 255, (8, *t.shape[1:])) for t in model.inputs]
    noise = noise[0] if len(noise) == 1 else noise
    answers = keras.ops.convert_to_numpy(model(noise, training=False))
    if not np.isfinite(answers).all():
        raise errors.DataError(
            f"{path} must give finite answers. Received: nan or inf."
        )
    if (0 <= answers).all() and (answers <= 1).all():
        raise errors.DataError(
            f"{path} must answer with logits. Received: probabilities, and no "
            "final softmax that could be taken off."
        )


def _behind(normalize, model):
    inputs = keras.Input(model.input_shape[1:], name="image")
    return keras.Model(inputs, model(normalize(inputs)), name=model.name)


def _hash(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
