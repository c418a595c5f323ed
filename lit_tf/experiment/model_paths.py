"""Saved models by the path of their file, run folder or SavedModel."""

import pathlib

import keras

from lit_tf import errors
from lit_tf.interop import saved_model
from lit_tf.sections import functional, model_files

TEACHERS = ("teacher.keras", "teacher/teacher.keras")
MODELS = ("student.keras", "teacher.keras")
ANY = (*MODELS, *TEACHERS)


def load_any(path: str) -> keras.Model | saved_model.ServedModel | None:
    """Returns a saved model; None for weights, which have no input shape.

    Args:
        path: a file, a run folder or a SavedModel that `lit-export` wrote.

    Raises:
        SettingsError: if the graph of the model is unknown.
        DataError: if it is missing or damaged.
    """
    if is_saved_model(path):
        return saved_model.read(path)
    file = find(path, *ANY)
    return None if is_weights(file) else _load(file)


def load_teacher(path: str) -> keras.Model:
    """Returns a saved teacher.

    Args:
        path: a `.keras` file, or a run folder for the teacher in it.

    Raises:
        SettingsError: if the graph of the model is unknown.
        DataError: if it is missing or damaged.
    """
    return _load(find(path, *TEACHERS))


def _load(file):
    model = model_files.load(file)
    functional.require_functional(model)
    return model


def is_weights(file: pathlib.Path) -> bool:
    """Returns whether a file holds weights alone, without their model."""
    return file.suffix == ".h5" and not model_files.is_whole_model(file)


def is_saved_model(path: str) -> bool:
    """Returns whether a path is the folder of a SavedModel."""
    return (pathlib.Path(path) / "saved_model.pb").is_file()


def find(path: str, *names: str) -> pathlib.Path:
    """Returns the path of a file, or the first of `names` in a run folder.

    Raises:
        DataError: if the folder holds none of them.
    """
    path = pathlib.Path(path)
    if not path.is_dir():
        return path
    for file in (path / name for name in names):
        if file.is_file():
            return file
    if is_saved_model(path):
        raise errors.DataError(
            f"{path} is a SavedModel, which has no layers that can be read. "
            "Pass the .keras file that it was exported from."
        )
    raise errors.DataError(
        f"The folder {path} holds neither {' nor '.join(names)}."
    )
