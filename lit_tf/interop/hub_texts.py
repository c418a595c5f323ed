"""Texts as token ids, by the preprocessor of a model of KerasHub.

A preprocessor is saved as in a preset of KerasHub: a folder with
`preprocessor.json` and the vocabulary.
"""

import hashlib
import json
import pathlib
import tempfile
import types
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf import config, errors
from lit_tf.sections import model_files
from lit_tf.utils import atomic_files, json_files

FOLDER = "preprocessor"
_CONFIG = "preprocessor.json"


class Tokens:
    """Encodes texts as token ids (an `encoded.Encoder`).

    Args:
        preprocessor: a preprocessor of KerasHub; `[batch]` strings → a
            dictionary of token ids and more, `[batch, length]`.

    Raises:
        SettingsError: if it returns anything else.
    """

    length = None  # The tokenizer reads whole texts.

    def __init__(self, preprocessor: keras.layers.Layer):
        self._preprocessor = preprocessor
        spec = tf.TensorSpec([None], tf.string)
        # KerasHub 0.32 loads a vocabulary in the first call in a graph. That
        # of SentencePiece is then unknown outside of it.
        tokenizer = getattr(preprocessor, "tokenizer", None)
        getattr(tokenizer, "_maybe_initialized_tf", lambda: None)()
        try:
            traced = tf.function(preprocessor).get_concrete_function(spec)
            self.forms = {
                name: (tuple(tensor.shape[1:]), tensor.dtype.as_numpy_dtype)
                for name, tensor in traced.structured_outputs.items()
            }
            for shape, _ in self.forms.values():
                np.empty(shape)  # Raises for an open size.
        except Exception as error:  # A user's layer raises any kind.
            raise errors.SettingsError(
                "`preprocessor` must turn texts into a dictionary of arrays of "
                f"one length, and {preprocessor.name} does not "
                f"({errors.cause(error)})."
            ) from error
        self.key = {"preprocessor": _hash(preprocessor)}

    def __call__(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the preprocessor's arrays, by name."""
        return self._preprocessor(texts)


def keras_hub() -> types.ModuleType:
    """Returns the module of KerasHub.

    Raises:
        SettingsError: if it is not installed.
    """
    try:
        import keras_hub
    except ImportError as error:
        raise errors.SettingsError(
            "Models and tokenizers of KerasHub need it: pip install "
            f"'lit_tf[hub]' ({errors.line(error)})."
        ) from error
    return keras_hub


def encoder(settings: config.Data) -> Tokens | None:
    """Returns the encoder of texts that settings name; None for none.

    Raises:
        SettingsError: as `read` and `Tokens`.
        DataError: as `read`.
    """
    if not settings.preprocessor:
        return None
    return Tokens(read(settings))


def read(settings: config.Data) -> keras.layers.Layer:
    """Reads a preprocessor of KerasHub.

    Args:
        settings: its `preprocessor`, a `.keras` file of a model that has one,
            or a folder that holds `preprocessor.json`; and `sequence_length`.

    Raises:
        SettingsError: if the model has none, or KerasHub is not installed.
        DataError: if the file is missing or damaged.
    """
    path = pathlib.Path(settings.preprocessor)
    keras_hub()
    if path.is_dir():
        found = _from_folder(path)
    else:
        found = of(model_files.load(path))
    if not hasattr(found, "tokenizer"):
        raise errors.SettingsError(
            "`preprocessor` must be a model that has a preprocessor, or a "
            f"folder with {_CONFIG}. Received: {path}."
        )
    if settings.sequence_length:
        found.sequence_length = settings.sequence_length
    return found


def of(model: keras.Model) -> keras.layers.Layer | None:
    """Returns the preprocessor of a task model of KerasHub; None for none."""
    return getattr(model, "preprocessor", None)


def save(preprocessor: keras.layers.Layer, folder: pathlib.Path) -> None:
    """Saves a preprocessor in a folder, which `read` reads."""
    with atomic_files.whole(folder) as partial:
        preprocessor.save_to_preset(str(partial))


def near(path: str) -> str:
    """Returns the folder of a preprocessor near a model's file; "" for none.

    Args:
        path: a file in a run folder, or the run folder.
    """
    root = pathlib.Path(path)
    for folder in (root, root.parent):
        if (folder / FOLDER / _CONFIG).is_file():
            return str(folder / FOLDER)
    return ""


def _from_folder(folder):
    if not (folder / _CONFIG).is_file():
        return None
    try:
        found = keras.saving.deserialize_keras_object(
            json_files.parse((folder / _CONFIG).read_bytes())
        )
        found.tokenizer.load_preset_assets(str(folder))
        return found
    except Exception as error:  # Damage can cause any kind of exception.
        raise errors.DataError(
            f"{folder} cannot be read as a preprocessor of KerasHub: it is "
            f"damaged or of another version ({errors.cause(error)})."
        ) from error


def _hash(preprocessor):
    """Returns a hash of a preprocessor's configuration and vocabulary."""
    digest = hashlib.sha256()
    serialized = keras.saving.serialize_keras_object(preprocessor)
    digest.update(json.dumps(_unnamed(serialized), sort_keys=True).encode())
    with tempfile.TemporaryDirectory() as folder:
        preprocessor.tokenizer.save_assets(folder)
        for path in sorted(pathlib.Path(folder).iterdir()):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _unnamed(config: Any) -> Any:
    """Returns a configuration without names, which Keras numbers."""
    if isinstance(config, dict):
        return {k: _unnamed(v) for k, v in config.items() if k != "name"}
    return config
