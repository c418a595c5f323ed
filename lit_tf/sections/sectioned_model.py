"""`SectionedModel`: a model of stem, sections and head; loading and saving."""

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
from lit_tf.sections import functional, structure
from lit_tf.utils import atomic_files, json_files, memory


@keras.saving.register_keras_serializable("lit_tf")
class SectionedModel(keras.Model):
    """A functional model cut into stem → section 1 … section K → head.

    It is called, fitted, evaluated, saved and exported like any functional
    model. Its parts are models that share its weights and can be called alone.
    The tensors between them are the representations.

    Example:
    ```python
    import keras

    import lit_tf

    image = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(16, 3, padding="same")(image)
    stem = keras.Model(image, x)

    inputs = keras.Input((32, 32, 16))
    x = keras.layers.Conv2D(16, 3, padding="same", activation="relu")(inputs)
    section = keras.Model(inputs, x)

    inputs = keras.Input((32, 32, 16))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    head = keras.Model(inputs, keras.layers.Dense(10)(x))

    model = lit_tf.SectionedModel(stem, [section], head)
    ```

    Args:
        stem: functional or sequential model, inputs → representation 0.
        sections: models, representation k−1 → representation k.
        head: model, representation K → outputs.
        name: name of the model.
        depth: depth that the architecture states; None for the longest chain of
            layers with kernels.
        facts: values that are saved with the weights and can be written as
            JSON, such as how the model was trained.

    Attributes:
        stem: the stem.
        sections: list of the sections.
        head: the head.
        representations: symbolic tensors 0 … K between the parts.
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
        # Keras refuses an input with the name of a part.
        names = {part.name for part in (stem, *sections, head)}
        # The inputs are nested as those of the stem: one, a list or a dict.
        inputs = keras.tree.map_structure(
            lambda t: keras.Input(
                batch_shape=t.shape,
                dtype=t.dtype,
                name=f"{t.name}_input" if t.name in names else t.name,
            ),
            structure.inputs_of(stem),
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
        """Representations 0 … K: symbolic tensors of this model."""
        return self._representations

    def export(self, filepath: str | os.PathLike, *args: Any, **kwargs: Any):
        """Exports the model in inference mode (`keras.Model.export`).

        Keras would export layers such as `RandomFlip` in training mode.

        Args:
            filepath: path of the folder to write.
            *args: other arguments of `keras.Model.export`.
            **kwargs: other arguments of `keras.Model.export`.
        """
        functional.inference_mode(self).export(filepath, *args, **kwargs)

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


def parts_of(model: keras.Model) -> list[keras.Model]:
    """Returns stem, sections and head; the model itself if it has none.

    Keras would save what a property of the model returned a second time.

    Args:
        model: with or without sections.
    """
    if not isinstance(model, SectionedModel):
        return [model]
    return [model.stem, *model.sections, model.head]


def with_parts(
    model: SectionedModel, parts: Sequence[keras.Model]
) -> SectionedModel:
    """Returns a model of other parts, with the name and facts of this one.

    Args:
        model: the model.
        parts: stem, sections and head.
    """
    stem, *sections, head = parts
    return SectionedModel(
        stem,
        sections,
        head,
        name=model.name,
        depth=model.depth,
        facts=model.facts,
    )


def load(path: str | os.PathLike) -> keras.Model:
    """Loads a model from a `.keras` file, without compiling it.

    Unlike `keras.models.load_model`, it finds the layers of `lit_tf`. It never
    executes code that is stored in the file.

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
        _check_sizes(path)
        return keras.models.load_model(path, compile=False)
    except errors.DataError:
        raise
    except Exception as error:  # Damage can cause any kind of exception.
        raise errors.DataError(
            f"{path} cannot be read as a Keras model: it is damaged, has "
            "another format, or contains code, which is never executed "
            f"({errors.cause(error)}). To load classes of your own, name "
            "the module that registers them with --custom_objects."
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


def _check_sizes(path):
    """Refuses what would end the process before Keras can refuse it."""
    if path.suffix != ".keras":
        with h5py.File(path) as file:
            json_files.parse(file.attrs.get("model_config", "{}"))
        return
    sizes = memory.check_archive(path)
    with zipfile.ZipFile(path) as archive:
        for name in filter(sizes.get, ("config.json", "metadata.json")):
            json_files.parse(archive.read(name))


def save(model: keras.Model, path: pathlib.Path) -> None:
    """Saves a model as a `.keras` file; on failure no file is left.

    Args:
        model: the model.
        path: path of the file, which ends in ".keras".
    """
    with atomic_files.whole(path) as partial:
        # Keras chooses the format by the suffix, which is that of `path`.
        model.save(partial)


def opening(
    model: keras.Model, kind: type[keras.layers.Layer]
) -> keras.layers.Layer | None:
    """Returns the layer of a class in the stem of a model, None if none.

    Such a layer shows what the model reads: `layers.Normalize` images,
    `layers.Characters` texts, `layers.Attributes` images and target attributes.

    Args:
        model: any model.
        kind: class of the layer.
    """
    for layer in model.stem.layers if hasattr(model, "stem") else ():
        if isinstance(layer, kind):
            return layer
    return None


def normalization(model: keras.Model) -> dict[str, tuple[float, ...]]:
    """Returns the `mean` and `std` with which the stem of a model normalizes.

    The dictionary is empty if it does not normalize.
    """
    layer = opening(model, layers.Normalize)
    return {"mean": layer.mean, "std": layer.std} if layer else {}


def fingerprint(model: keras.Model) -> str:
    """Returns a hash of the weights of a model, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for value in model.get_weights():
        digest.update(np.ascontiguousarray(value))
    return digest.hexdigest()[:16]


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


def computes_in(model: keras.Model) -> set[str]:
    """Returns the dtypes in which the layers of a model compute."""
    return {
        layer.compute_dtype
        for layer in model._flatten_layers(include_self=False)
    }
