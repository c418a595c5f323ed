"""Names of the classes that a model was trained on, next to its file."""

import pathlib

from lit_tf import data
from lit_tf.interop import saved_model
from lit_tf.utils import atomic_files, json_files, text_format

FILE = "classes.json"


def save(dataset: data.Dataset, path: pathlib.Path) -> None:
    """Saves the names of a dataset's classes, if it has names.

    Args:
        dataset: the dataset.
        path: the JSON file to write. Nothing is written if it exists.
    """
    if dataset.class_names and not path.exists():
        atomic_files.write_json(path, list(dataset.class_names))


def near(path: str) -> tuple[str, ...]:
    """Returns the names of the classes of a saved model; () if unknown.

    Args:
        path: a file in a run folder, the run folder, or a SavedModel.
    """
    root = pathlib.Path(path)
    asset = root / saved_model.CLASSES
    if asset.is_file():
        return tuple(asset.read_text(encoding="utf-8").splitlines())
    return _read(root / FILE) or _read(root.parent / FILE)


def of_export(path: str, dataset: data.Dataset) -> tuple[str, ...]:
    """Returns the names of the classes that an exported model contains.

    Args:
        path: the model's file or run folder, whose names come first.
        dataset: the dataset that checks the export.
    """
    names = near(path)
    return names if len(names) == len(dataset.classes) else dataset.class_names


def difference(path: str, dataset: data.Dataset) -> str:
    """Returns a sentence if model and data have other classes; "" if not.

    Args:
        path: the model's file or run folder, or a SavedModel.
        dataset: the data.
    """
    trained, given = near(path), dataset.class_names
    if not trained or not given or trained == given:
        return ""
    return (
        f"The classes of the data are {text_format.listed(given)}; the model "
        f"was trained on {text_format.listed(trained)}."
    )


def _read(file):
    try:
        names = json_files.parse(file.read_bytes())
    except (OSError, ValueError):
        return ()
    listed = isinstance(names, list) and all(isinstance(n, str) for n in names)
    return tuple(names) if listed else ()
