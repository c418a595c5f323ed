"""`SectionedModel`: what a teacher and a student both are."""

import hashlib
import os
import pathlib
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import h5py
import keras
import numpy as np

from lit_tf import errors, layers
from lit_tf.utils import atomic_files


@keras.saving.register_keras_serializable("lit_tf")
class SectionedModel(keras.Model):
    """A functional model cut into stem → section 1 … section K → head.

    It is called, fitted, evaluated, saved and exported like any functional
    model. Its parts are models too, share its weights and can be called alone;
    what flows between them are its representations.

    Args:
        stem: a functional model, inputs → representation 0.
        sections: functional models, representation k−1 → representation k.
        head: a functional model, representation K → output.
        name: the model's name.
        depth: what the architecture calls its depth, None when it has no word
            for it.
        facts: anything that should travel with the weights and can be written
            as JSON (how the model was taught, for instance).
    """

    def __init__(
        self,
        stem: keras.Model,
        sections: Sequence[keras.Model],
        head: keras.Model,
        *,
        name: str | None = None,
        depth: int | None = None,
        facts: Mapping[str, Any] | None = None,
    ):
        # Nested as the stem takes them: one, a list or a dictionary.
        inputs = keras.tree.map_structure(
            lambda t: keras.Input(
                batch_shape=t.shape, dtype=t.dtype, name=t.name
            ),
            # A sequential one takes a single tensor.
            getattr(stem, "_functional", stem).input,
        )
        representations = [stem(inputs)]
        for section in sections:
            representations.append(section(representations[-1]))
        super().__init__(inputs, head(representations[-1]), name=name)
        self.stem = stem
        self.sections = list(sections)
        self.head = head
        self.depth = depth
        self.facts = dict(facts or {})
        self._representations = tuple(representations)

    @property
    def representations(self) -> tuple[keras.KerasTensor, ...]:
        """Representations 0 … K: symbolic tensors of the model's graph."""
        return self._representations

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "name": self.name,
            "stem": serialize(self.stem),
            "sections": [serialize(section) for section in self.sections],
            "head": serialize(self.head),
            "depth": self.depth,
            "facts": dict(self.facts),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        def revive(part):
            return keras.saving.deserialize_keras_object(
                part, custom_objects=custom_objects
            )

        parts = {
            "stem": revive(config["stem"]),
            "sections": [revive(section) for section in config["sections"]],
            "head": revive(config["head"]),
        }
        return cls(**config | parts)


def load(path: str | os.PathLike) -> keras.Model:
    """Loads a model from a `.keras` file, without compiling it.

    Keras revives a class of ours only once its module is imported, which this
    function has seen to. Code stored in the file is never executed.

    Raises:
        DataError: the file is missing, damaged, or not a model.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise errors.DataError(f"There is no model file {path}.")
    if path.suffix == ".keras" and not zipfile.is_zipfile(path):
        raise errors.DataError(
            f"{path} is not a whole .keras file: it was cut off, or is of "
            "another format."
        )
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever the damage provokes.
        raise errors.DataError(
            f"{path} cannot be read as a Keras model: it is damaged, of "
            "another format, or holds code of its own, which is never run "
            f"({errors.line(error)[:200]}). Classes of your own are "
            "found where a module that --custom_objects names registers them."
        ) from error


def save(model: keras.Model, path: pathlib.Path) -> None:
    """Saves a model as a `.keras` file, whole or not at all."""
    with atomic_files.whole(path) as partial:
        # Keras knows its format by the name's ending, which is that of `path`.
        model.save(partial)


def opening(
    model: keras.Model, kind: type[keras.layers.Layer]
) -> keras.layers.Layer | None:
    """Returns the layer of a kind that opens a model's stem, None if none does.

    Such a layer tells what the model reads: `layers.Normalize` images,
    `layers.Characters` texts, `layers.Attributes` pictures and targets.
    """
    for layer in model.stem.layers if hasattr(model, "stem") else ():
        if isinstance(layer, kind):
            return layer
    return None


def normalization(model: keras.Model) -> dict[str, tuple[float, ...]]:
    """Returns the `mean` and `std` by which a model's stem normalises.

    The dictionary is empty where it does not.
    """
    layer = opening(model, layers.Normalize)
    return {"mean": layer.mean, "std": layer.std} if layer else {}


def fingerprint(model: keras.Model) -> str:
    """Returns a hash of a model's weights."""
    digest = hashlib.sha256()
    for value in model.get_weights():
        digest.update(np.ascontiguousarray(value))
    return digest.hexdigest()[:16]


def load_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Loads a `.weights.h5` file into a model of its architecture.

    Raises:
        DataError: the file is missing, damaged, or of another architecture.
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
                # Keras would load what it finds and be silent of the rest.
                raise ValueError(
                    f"it has {len(arrays)} arrays, the model "
                    f"{len(model.variables)} variables"
                )
        with warnings.catch_warnings():
            # Keras only warns of what it leaves as it was.
            warnings.simplefilter("error")
            model.load_weights(path)
    except Exception as error:  # Keras raises whatever the damage provokes.
        raise errors.DataError(
            f"{path} does not hold the weights of {model.name}: it is damaged "
            f"or of another shape ({errors.line(error)[:200]})."
        ) from error


def computes_in(model: keras.Model) -> set[str]:
    """Returns the dtypes in which a model's layers compute."""
    return {
        layer.compute_dtype
        for layer in model._flatten_layers(include_self=False)
    }


def with_policy(
    model: keras.Model, policy: str, *, sync_batch_norm: bool = False
) -> keras.Model:
    """Rebuilds a model under another dtype policy, with its own weights.

    Layers that pin their dtype (`layers.Normalize`, `layers.Float32`) keep it.

    Args:
        model: a model of serialisable layers.
        policy: "float32", "mixed_float16" or "mixed_bfloat16".
        sync_batch_norm: whether each BatchNorm is to use the statistics of the
            global batch where several replicas train.

    Returns:
        A new model of the same class; its variables are float32.
    """
    config = keras.saving.serialize_keras_object(model)
    config.pop("compile_config", None)
    twin = keras.saving.deserialize_keras_object(
        under_policy(config, policy, sync_batch_norm=sync_batch_norm)
    )
    twin.set_weights(model.get_weights())
    return twin


def under_policy(
    config: Any, policy: str, *, sync_batch_norm: bool = False
) -> Any:
    """Returns a layer's or a model's config under another dtype policy."""
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
