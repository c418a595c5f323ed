"""Saved models: evaluate them, export them, load them as teachers."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import keras

from lit_tf import data, errors, models
from lit_tf.config import Architecture, Data, Session
from lit_tf.experiment import export_report
from lit_tf.experiment.tasks import TASKS
from lit_tf.interop import saved_model
from lit_tf.sections import (
    compatibility,
    copying,
    data_form,
    functional,
    input_shapes,
    model_files,
    sectioned_model,
    shrink,
    structure,
)
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.utils import text_format

_SESSION = Session()
_TEACHERS = ("teacher.keras", "teacher/teacher.keras")
_MODELS = ("student.keras", "teacher.keras")
_SAVED_MODEL = {"saved_model.pb", "variables", "assets", "fingerprint.pb"}


def evaluate(
    path: str,
    settings: Data,
    session: Session = _SESSION,
    *,
    teacher_weights: str = "",
    discriminator_weights: str = "",
) -> dict[str, Any]:
    """Evaluates a saved model on the test split.

    Args:
        path: a `.keras` file, a run folder or, for a classifier, a SavedModel
            that `lit-export` wrote.
        settings: the settings of the data.
        session: the folder of the data, and the feature extractors.
        teacher_weights: the model to compare with; "" for none.
        discriminator_weights: the discriminator that evaluates a generator;
            "" for the one in the folder of its teacher, or in its own.

    Returns:
        The metrics of the dataset's task: `test_accuracy`, a fraction, or for
        a generator `attribute_accuracy` and more; also the number of
        `test_examples`, the `model` and the `dataset`.

    Raises:
        SettingsError: if the model has other inputs or classes.
        DataError: if the model or the data are missing or damaged.
    """
    settings = complete_data(settings, session, path)
    is_saved_model = _is_saved_model(path)
    file = path if is_saved_model else _find(path, *_MODELS)
    dataset = _dataset(settings, session)
    if is_saved_model:
        model = saved_model.read(path)
        _check(model, dataset)
    else:
        model = _load(file, dataset)
    models = {"student": _with_one_logit(model, "model")}
    if teacher_weights:
        teacher = _load(_find(teacher_weights, *_TEACHERS), dataset)
        models = {"teacher": _with_one_logit(teacher, "teacher"), **models}
    task = TASKS[dataset.task]
    auxiliary_models = task.load_auxiliary_models(
        dataset, path=discriminator_weights, near=teacher_weights or path
    )
    results = task.evaluate(
        models,
        dataset,
        session,
        auxiliary_models,
        exported="student" if teacher_weights else "",
    )
    return {
        **results.pop("roles")["student"],
        **results,
        "test_examples": len(dataset.test),
        "dataset": dataset.name,
        "model": str(path),
    }


def to_saved_model(
    path: str,
    output: str,
    settings: Data,
    session: Session = _SESSION,
    *,
    overwrite: bool = False,
) -> float:
    """Exports a saved model as a SavedModel and checks it on real examples.

    Args:
        path: a `.keras` file or a run folder.
        output: the folder to write.
        settings: the dataset whose training examples check the export.
        session: the folder of the data.
        overwrite: whether an existing SavedModel at `output` is replaced.

    Returns:
        The largest difference of outputs (see `saved_model.write`).

    Raises:
        SettingsError: if the model has other inputs or classes, or returns
            probabilities that cannot be turned into logits.
        DataError: if `output` exists, or the outputs differ.
    """
    settings = complete_data(settings, session, path)
    target = pathlib.Path(output).resolve()
    _check_target(target, overwrite)
    file = _find(path, *_MODELS)
    dataset = _dataset(settings, session)
    model = _load(file, dataset)
    if dataset.task == "classes":
        model = compatibility.class_logits(model, "model")
    return saved_model.write(
        model, target, dataset.train.read(0, export_report.CHECKED)
    )


def load_teacher(
    path: str,
    dataset: data.Dataset,
    *,
    name: str,
    architecture: Architecture,
    cuts: Sequence[str] = (),
) -> SectionedModel:
    """Loads a trained teacher, in float32 and cut into sections.

    Args:
        path: a file of a whole model, a run folder, or a `.weights.h5` file
            of the architecture `name`.
        dataset: the dataset that the teacher must fit.
        name: the architecture of a `.weights.h5` file.
        architecture: its width and cardinality.
        cuts: the names of the tensors at which to cut; chosen when empty.

    Raises:
        SettingsError: if the teacher has other inputs or classes, or cannot be
            cut into sections.
        DataError: if the file is missing or damaged.
    """
    file = _find(path, *_TEACHERS)
    print(f"teacher   from {file}", flush=True)
    if _is_weights(file):
        teacher = models.get(name, **architecture.options)(**dataset.form)
        model_files.load_weights(teacher, file)
        return teacher
    teacher = _load(file, dataset)
    if sectioned_model.computes_in(teacher) != {"float32"}:
        teacher = copying.copy_model(teacher, policy="float32")
    if cuts or not isinstance(teacher, SectionedModel):
        if dataset.task == "classes":
            teacher = compatibility.class_logits(teacher, "teacher")
        teacher = shrink.with_sections(teacher, cuts)
    return teacher


def complete_data(settings: Data, session: Session, model: str) -> Data:
    """Returns settings that name the dataset, its inputs and their shape.

    Images in a folder of the user get the input shape of the model, unless
    `image_size` is set. If the model takes several inputs, data in files of
    several inputs are those that it names.

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
    if not model or not (source.resized or names_open):
        return settings
    loaded = _load_any(model)
    if loaded is None:
        return settings
    if names_open and len(loaded.inputs) > 1:
        names = structure.names_of(loaded)
        settings = dataclasses.replace(settings, inputs=names)
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


def _with_one_logit(model, role):
    """Returns a model of one output without its sigmoid, others unchanged."""
    if model.output_shape[-1] != 1 or not isinstance(model, keras.Model):
        return model
    return compatibility.class_logits(model, role)


def _load_any(path):
    """Returns a saved model; None for weights, which have no input shape."""
    if _is_saved_model(path):
        return saved_model.read(path)
    file = _find(path, *_MODELS, *_TEACHERS)
    if _is_weights(file):
        return None
    model = model_files.load(file)
    functional.require_functional(model)
    return model


def _check_default(settings, path):
    """Refuses a model that is not for the dataset of a run without data."""
    model = None
    with contextlib.suppress(*errors.ALL):  # It is loaded again where needed.
        model = _load_any(path)
    form = data.source(settings.dataset).form(settings)
    expected = tuple(form["input_shape"])
    received = [tuple(one.shape[1:]) for one in model.inputs] if model else []
    if model and received != [expected]:
        shapes = " and ".join(map(text_format.shape, received))
        raise errors.SettingsError(
            "--data_dir was not given. Without it and without --dataset the "
            f"data are {settings.dataset}, with inputs "
            f"{text_format.shape(expected)}, and {path} takes {shapes}. Name "
            "your data with --data_dir, or the dataset with --dataset."
        )


def _load(file, dataset):
    """Loads a model and gives it the input shapes of a dataset.

    Raises:
        SettingsError: if it has other inputs or classes.
        DataError: if the file is missing or damaged.
    """
    model = model_files.load(file)
    functional.require_functional(model)
    model = input_shapes.fixed(model, data_form.inputs_of(dataset.form))
    _check(model, dataset)
    return model


def _check(model, dataset):
    """Refuses a model that does not fit the inputs or classes of a dataset."""
    data_form.check(model, dataset.name, dataset.form)
    if "attributes" not in dataset.form:
        data_form.check_values(model, dataset.name, dataset.train.inputs)


def _is_weights(file):
    return file.suffix == ".h5" and not model_files.is_whole_model(file)


def _is_saved_model(path):
    return (pathlib.Path(path) / "saved_model.pb").is_file()


def _dataset(settings, session):
    return data.load(
        settings,
        data_dir=session.data_dir,
        download=session.download,
        cache_dir=session.cache_dir,
    )


def _check_target(target, overwrite):
    if not target.exists():
        return
    if not overwrite:
        raise errors.DataError(f"{target} exists; --overwrite replaces it.")
    content = {p.name for p in target.iterdir()} if target.is_dir() else {""}
    if content and not (
        "saved_model.pb" in content and content <= _SAVED_MODEL
    ):
        raise errors.DataError(
            f"{target} is not a SavedModel. --overwrite replaces only a "
            "SavedModel."
        )


def _find(path, *names):
    """Returns the path of a file, or the first of `names` in a run folder."""
    path = pathlib.Path(path)
    if not path.is_dir():
        return path
    for file in (path / name for name in names):
        if file.is_file():
            return file
    if _is_saved_model(path):
        raise errors.DataError(
            f"{path} is a SavedModel, which has no layers that can be read. "
            "Pass the .keras file that it was exported from."
        )
    raise errors.DataError(
        f"The folder {path} holds neither {' nor '.join(names)}."
    )
