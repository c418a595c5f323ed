"""Data of a run: settings that the model completes, and the loaded dataset."""

import contextlib
import dataclasses
import pathlib

from lit_tf import data, errors, layers
from lit_tf.config import Data, Session
from lit_tf.experiment import model_paths
from lit_tf.interop import hub_texts
from lit_tf.sections import inspection, structure
from lit_tf.utils import text_format


def complete(settings: Data, session: Session, model: str) -> Data:
    """Returns settings that name the dataset, its inputs and their shape.

    Images in a folder of the user get the input shape of the model, unless
    `image_size` is set. If the model takes several inputs, data in files of
    several inputs are those that it names. Texts are read by the preprocessor
    of the model, if it has one.

    Args:
        settings: the settings of the data.
        session: the folder of the data.
        model: the model's file or run folder; "" for none.

    Raises:
        SettingsError: if neither dataset nor folder is given and the model does
            not fit the dataset that is then used.
        DataError: if the folder of the data matches no format, or the model's
            file is missing or damaged.
    """
    forgotten = settings.dataset == data.AUTO and not session.data_dir
    settings = data.named(settings, session.data_dir)
    if forgotten and model:
        _check_default(settings, model)
    source = data.source(settings.dataset)
    names_open = source.named_inputs and not settings.inputs
    texts_open = source.texts and not settings.preprocessor
    if not model or not (source.resized or names_open or texts_open):
        return settings
    try:
        loaded = model_paths.load_any(model)
    except errors.DataError:
        if source.resized:  # Before many images are decoded.
            raise
        return settings  # The model is loaded again, and refused, later.
    if loaded is None:
        return settings
    if names_open and len(loaded.inputs) > 1:
        names = structure.names_of(loaded)
        settings = dataclasses.replace(settings, inputs=names)
    if texts_open and not _reads_characters(loaded):
        found = hub_texts.near(model)
        if hub_texts.of(loaded) is not None:
            found = model_paths.find(model, *model_paths.ANY)
        return dataclasses.replace(settings, preprocessor=str(found))
    images = [one for one in loaded.inputs if len(one.shape) == 4]
    if not source.resized or not images:
        return settings
    return _with_shape(settings, *images[0].shape[1:])


def _with_shape(settings, height, width, channels):
    """Returns settings with the shape of images that a model takes.

    Sizes that are set stay, and sizes that the model leaves open.
    """
    size = settings.image_size
    if height and size == Data.image_size:
        size = height
    changes = {"image_size": size}
    if width and width != size and not settings.image_width:
        changes["image_width"] = width
    if channels in (1, 3):
        changes["image_channels"] = channels
    return dataclasses.replace(settings, **changes)


def load(settings: Data, session: Session) -> data.Dataset:
    """Loads a dataset; texts are encoded by the preprocessor, if any.

    Raises:
        SettingsError: if a split would be empty, or there is no such
            preprocessor.
        DataError: if files are missing or damaged.
    """
    return data.load(
        settings,
        data_dir=session.data_dir,
        download=session.download,
        cache_dir=session.cache_dir,
        encoder=hub_texts.encoder(settings),
        image_layers=layers.ImageLayers,
    )


def save_preprocessor(settings: Data, folder: pathlib.Path) -> None:
    """Saves the preprocessor of texts, if any, in a folder next to a student.

    Nothing is written if the folder exists.
    """
    if settings.preprocessor and not folder.exists():
        hub_texts.save(hub_texts.read(settings), folder)


def _check_default(settings, path):
    """Refuses a model that is not for the dataset of a run without data."""
    model = None
    with contextlib.suppress(*errors.ALL):  # It is loaded again where needed.
        model = model_paths.load_any(path)
    form = data.source(settings.dataset).form(settings)
    expected = tuple(form["input_shape"])
    received = [tuple(one.shape[1:]) for one in model.inputs] if model else []
    if model and received != [expected]:
        shapes = " and ".join(map(text_format.shape, received))
        raise errors.SettingsError(
            "--data_dir was not given. Without it and without --dataset the "
            f"data are {settings.dataset}, with inputs "
            f"{text_format.shape(expected)}, and {path} takes {shapes}. Name "
            "your data, for example with --data_dir=my_images/, or the dataset "
            "with --dataset."
        )


def _reads_characters(model):
    return inspection.opening(model, layers.Characters) is not None
