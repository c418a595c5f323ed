"""Files of models and of weights: load, save."""

import os
import pathlib
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any

import h5py
import keras

from lit_tf import errors
from lit_tf.sections import plain_files
from lit_tf.sections.plain_form import restored
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.sections.split import split
from lit_tf.utils import atomic_files, json_files, memory

# Warnings on the optimizer and the losses of a file.
_COMPILED = "Skipping variable loading for optimizer|`compile.*was not called"


def load(path: str | os.PathLike) -> keras.Model:
    """Loads a model from a `.keras` file, without compiling it.

    Unlike `keras.models.load_model`, it returns the sections of a
    `SectionedModel`, and the layers of `lit_tf`. It never executes code that is
    stored in the file.

    Example:
    ```python
    import keras

    import lit_tf

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.save("model.keras")
    model = lit_tf.load("model.keras")
    ```

    Args:
        path: path of the file.

    Returns:
        The model; a `SectionedModel` if one was saved.

    Raises:
        DataError: if the file is missing, damaged, or not a model.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise errors.DataError(f"There is no model file {path}.")
    if path.suffix == ".keras" and not zipfile.is_zipfile(path):
        raise errors.DataError(
            f"{path} is not a complete .keras file: it was truncated, or has "
            "another format."
        )
    try:
        note = plain_files.read_note(_checked_config(path))
        with warnings.catch_warnings():
            # A task model of KerasHub compiles itself. Nothing here uses that.
            warnings.filterwarnings("ignore", _COMPILED)
            model = keras.models.load_model(path, compile=False)
        return model if note is None else _as_noted(model, note)
    except errors.DataError:
        raise
    except Exception as error:  # Damage can cause any kind of exception.
        raise errors.DataError(
            f"{path} cannot be read as a Keras model: it is damaged, has "
            "another format, or contains code, which is never executed "
            f"({errors.cause(error)}). {_remedy(error)}"
        ) from error


def _remedy(error):
    """Returns a sentence on what may be missing to load a model."""
    if "parent module keras_hub" in str(error):
        return "It needs KerasHub: pip install 'lit_tf[hub]'."
    return (
        "To load classes of your own, name the module that registers them with "
        "--custom_objects."
    )


def save(model: keras.Model, path: pathlib.Path) -> None:
    """Saves a model as a `.keras` file; on failure no file is left.

    Args:
        model: the model.
        path: path of the file, which ends in ".keras".
    """
    with atomic_files.whole(path) as partial:
        # Keras chooses the format by the suffix, which is that of `path`.
        write(model, partial)


def write(
    model: keras.Model, filepath: str | os.PathLike, *args: Any, **kwargs: Any
) -> None:
    """Saves a model so that Keras can open it without `lit_tf`.

    Args:
        model: the model, with or without sections.
        filepath: path of the file, which ends in ".keras".
        *args: other arguments of `keras.Model.save`.
        **kwargs: other arguments of `keras.Model.save`.
    """
    if type(model).save is keras.Model.save:
        plain_files.save(model, filepath, *args, **kwargs)
    else:
        model.save(filepath, *args, **kwargs)


def load_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Loads a `.weights.h5` file into a model of the same architecture.

    Args:
        model: a built model.
        path: path of the file.

    Raises:
        DataError: if the file is missing, damaged, or of another architecture.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise errors.DataError(f"There is no weights file {path}.")
    try:
        with h5py.File(path) as file:
            arrays = []
            file.visititems(
                lambda _, item: (
                    arrays.append(item)
                    if isinstance(item, h5py.Dataset)
                    else None
                )
            )
            if len(arrays) != len(model.variables):
                # Keras would load a part and not report the rest.
                raise ValueError(
                    f"it has {len(arrays)} arrays, but the model has "
                    f"{len(model.variables)} variables"
                )
        with warnings.catch_warnings():
            # Keras only warns of variables that it does not load.
            warnings.simplefilter("error")
            model.load_weights(path)
    except Exception as error:  # Damage can cause any kind of exception.
        raise errors.DataError(
            f"{path} does not contain the weights of {model.name}: it is "
            f"damaged or has other shapes ({errors.cause(error)})."
        ) from error


def is_whole_model(path: str | os.PathLike) -> bool:
    """Returns whether an `.h5` file holds a model, and not weights alone.

    Args:
        path: path of the file, which may be missing or damaged.
    """
    try:
        with h5py.File(path) as file:
            return "model_config" in file.attrs
    except OSError:
        return False


def _checked_config(path):
    """Returns a model's configuration in a file that can be read safely.

    Raises:
        DataError, ValueError: if the file would end the process before Keras
            can refuse it.
    """
    if path.suffix != ".keras":
        with h5py.File(path) as file:
            return json_files.parse(file.attrs.get("model_config", "{}"))
    sizes = memory.check_archive(path)
    with zipfile.ZipFile(path) as archive:
        config, _ = (
            json_files.parse(archive.read(name)) if sizes.get(name) else None
            for name in ("config.json", "metadata.json")
        )
    return config


def _as_noted(model: keras.Model, note: Mapping[str, Any]) -> keras.Model:
    """Returns a loaded model with the layers and parts that it was saved with.

    Raises:
        ValueError: if the note does not fit the model.
    """
    if note["layers"]:
        model = restored(model, note["layers"])
    if note.get("cuts"):
        sectioned = split(model, note["cuts"])
        sectioned.facts = dict(note["facts"] or {})
        return sectioned
    if note.get("parts") is None:
        return model
    parts = plain_files.parts_of(model)
    if note["parts"] != parts:
        names = ", ".join(part["name"] for part in parts)
        raise ValueError(f"its note for lit_tf has other parts than {names}")
    stem, *sections, head = (model.get_layer(part["name"]) for part in parts)
    return SectionedModel(
        stem,
        sections,
        head,
        context=[[n - 1 for n in part["context"]] for part in parts[1:]],
        name=model.name,
        depth=note["depth"],
        facts=note["facts"],
    )
