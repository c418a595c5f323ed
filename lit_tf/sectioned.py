"""`SectionedModel`: what a teacher and a student both are."""

import hashlib
import os
import pathlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import h5py
import keras
import numpy as np

from lit_tf import errors, files
from lit_tf import layers as _  # noqa: F401  registers them with Keras


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
        inputs = [
            keras.Input(batch_shape=t.shape, dtype=t.dtype, name=t.name)
            for t in stem.inputs
        ]
        if len(inputs) == 1:
            (inputs,) = inputs
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
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever the damage provokes.
        raise errors.DataError(
            f"{path} cannot be read as a Keras model: it is damaged, of "
            "another format, or holds code of its own "
            f"({errors.line(error)[:200]})."
        ) from error


def save(model: keras.Model, path: pathlib.Path) -> None:
    """Saves a model as a `.keras` file, whole or not at all."""
    with files.whole(path) as partial:
        # Keras knows its format by the name's ending.
        named = partial.with_name(f"{partial.name}.whole.keras")
        model.save(named)
        named.replace(partial)


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


def check_alike(teacher: SectionedModel, student: SectionedModel) -> None:
    """Checks that a student's parts line up with its teacher's.

    Raises:
        SettingsError: inputs, the number of sections, a representation or the
            outputs differ in shape, or the ends are not built alike; the
            message names the place and both shapes.
    """
    places = [("The input", teacher.input_shape, student.input_shape)]
    if len(teacher.sections) != len(student.sections):
        raise errors.SettingsError(
            "Teacher and student must have the same number of sections. "
            f"Received: teacher {len(teacher.sections)}, "
            f"student {len(student.sections)}."
        )
    pairs = zip(teacher.representations, student.representations, strict=True)
    for k, (theirs, ours) in enumerate(pairs):
        place = (
            f"The representation after section {k}"
            if k
            else ("The representation after the stem")
        )
        places.append((place, theirs.shape, ours.shape))
    places.append(("The output", teacher.output_shape, student.output_shape))
    for place, theirs, ours in places:
        if theirs != ours:
            raise errors.SettingsError(
                f"{place} must have one shape in teacher and student. "
                f"Received: teacher {_shape(theirs)}, student {_shape(ours)}."
            )
    for part in ("stem", "head"):
        theirs, ours = (
            [tuple(v.shape) for v in getattr(model, part).weights]
            for model in (teacher, student)
        )
        if theirs != ours:
            raise errors.SettingsError(
                f"The student's {part} is a copy of the teacher's, so they "
                "must have weights of the same shapes. Received: teacher "
                f"{theirs}, student {ours}."
            )
        differing = _differing(getattr(teacher, part), getattr(student, part))
        if differing:
            raise errors.SettingsError(
                f"The student's {part} is a copy of the teacher's, so it must "
                f"compute the same. Received: {differing}."
            )


def check_logits(model: keras.Model, role: str) -> None:
    """Raises `SettingsError` where a model ends in a softmax."""
    last = model
    while getattr(last, "outputs", None):  # Into nested models.
        last = last.outputs[0]._keras_history.operation
    softmax = isinstance(last, keras.layers.Softmax)
    if softmax or getattr(last, "activation", 0) is keras.activations.softmax:
        raise errors.SettingsError(
            f"The {role} must answer with logits, but its last layer, "
            f"{last.name!r}, applies a softmax. Build it without."
        )


def copy_ends(teacher: SectionedModel, student: SectionedModel) -> None:
    """Copies the weights of the teacher's stem and head to the student."""
    student.stem.set_weights(teacher.stem.get_weights())
    student.head.set_weights(teacher.head.get_weights())


def with_policy(model: keras.Model, policy: str) -> keras.Model:
    """Rebuilds a model under another dtype policy, with its own weights.

    Layers that pin their dtype (`layers.Normalize`, `layers.Float32`) keep it.

    Args:
        model: a model of serialisable layers.
        policy: "float32", "mixed_float16" or "mixed_bfloat16".

    Returns:
        A new model of the same class; its variables are float32.
    """
    config = keras.saving.serialize_keras_object(model)
    config.pop("compile_config", None)
    twin = keras.saving.deserialize_keras_object(_replaced(config, policy))
    twin.set_weights(model.get_weights())
    return twin


def _differing(theirs, ours):
    """Returns in words where two parts of equal weights compute otherwise."""
    # What is called how, and what only matters before training, may differ.
    free = ("name", "dtype", "initializer", "regularizer", "trainable", "seed")
    for pair in zip(theirs.layers, ours.layers, strict=True):
        kinds = [type(layer).__name__ for layer in pair]
        if kinds[0] != kinds[1]:
            return f"teacher {kinds[0]}, student {kinds[1]}"
        first, second = (
            {
                key: value
                for key, value in layer.get_config().items()
                if not any(word in key for word in free)
            }
            for layer in pair
        )
        for key in first.keys() & second.keys():
            if first[key] != second[key]:
                return (
                    f"{kinds[0]} with {key} {first[key]!r} in the teacher, "
                    f"{second[key]!r} in the student"
                )
    return ""


def _replaced(config, policy):
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return config | {"config": {"name": policy}}
        return {key: _replaced(value, policy) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_replaced(value, policy) for value in config)
    return config


def _shape(shape):
    return tuple(shape[1:]) if shape and shape[0] is None else shape
