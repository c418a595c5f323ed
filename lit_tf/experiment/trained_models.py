"""Trained models in files: evaluated, or loaded to be exported or to teach."""

import pathlib
from collections.abc import Sequence
from typing import Any

import keras

from lit_tf import data, models
from lit_tf.config import Architecture, Data, Session
from lit_tf.data import graph_errors
from lit_tf.experiment import class_names, model_paths, run_data
from lit_tf.experiment.tasks import TASKS
from lit_tf.interop import saved_model
from lit_tf.sections import (
    compatibility,
    copying,
    data_form,
    functional,
    input_shapes,
    inspection,
    model_files,
    shrink,
)
from lit_tf.sections.sectioned_model import SectionedModel

_SESSION = Session()


@graph_errors.translated()
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
        path: a `.keras` file, a run folder or, for a classifier or an encoder,
            a SavedModel that `lit-export` wrote.
        settings: the settings of the data.
        session: the folder of the data, and the feature extractors.
        teacher_weights: the model to compare with; "" for none.
        discriminator_weights: the discriminator that evaluates a generator;
            "" for the one in the folder of its teacher, or in its own.

    Returns:
        The metrics of the dataset's task: `test_accuracy`, a fraction, with
        `per_class` and `confused` (see `evaluation.classification`), for
        an encoder `test_cosine` and more, for a generator
        `attribute_accuracy` and more; also the number of
        `test_examples`, the `model` and the `dataset`.

    Raises:
        SettingsError: if the model has other inputs or classes.
        DataError: if the model or the data are missing or damaged.
    """
    settings = run_data.complete(settings, session, path)
    is_saved_model = model_paths.is_saved_model(path)
    file = (
        path if is_saved_model else model_paths.find(path, *model_paths.MODELS)
    )
    dataset = run_data.load(settings, session)
    if note := class_names.difference(path, dataset):
        print(note, flush=True)
    if is_saved_model:
        model = saved_model.read(path)
        _check(model, dataset)
    else:
        model = _load(file, dataset)
    models = {"student": _with_plain_output(model, "model")}
    if teacher_weights:
        teacher = _load(
            model_paths.find(teacher_weights, *model_paths.TEACHERS), dataset
        )
        models = {"teacher": _with_plain_output(teacher, "teacher"), **models}
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
        "classes": list(dataset.class_names),
        "model": str(path),
    }


def load(
    path: str, settings: Data, session: Session
) -> tuple[keras.Model, data.Dataset]:
    """Loads a model to export, which returns logits, and its dataset.

    Args:
        path: a `.keras` file or a run folder.
        settings: the complete settings of the data.
        session: the folder of the data.

    Raises:
        SettingsError: if the model has other inputs or classes, or returns
            probabilities that cannot be turned into logits.
        DataError: if the model or the data are missing or damaged.
    """
    file = model_paths.find(path, *model_paths.MODELS)
    dataset = run_data.load(settings, session)
    return load_plain(file, dataset), dataset


def load_plain(file: pathlib.Path, dataset: data.Dataset) -> keras.Model:
    """Loads a model for a dataset, which returns logits without a nest.

    Args:
        file: a `.keras` file.
        dataset: the dataset that the model must fit.

    Raises:
        SettingsError: as `load`.
        DataError: if the file is missing or damaged.
    """
    model = _load(file, dataset)
    if dataset.task == "classes":
        model = compatibility.class_logits(model, "model")
    return compatibility.with_plain_output(model)


def load_teacher(
    path: str,
    dataset: data.Dataset,
    *,
    name: str,
    architecture: Architecture,
    cuts: Sequence[str] = (),
    sections: int = 0,
) -> SectionedModel:
    """Loads a trained teacher, in float32 and cut into sections.

    Args:
        path: a file of a whole model, a run folder, or a `.weights.h5` file
            of the architecture `name`.
        dataset: the dataset that the teacher must fit.
        name: the architecture of a `.weights.h5` file.
        architecture: its width and cardinality.
        cuts: the names of the tensors at which to cut; chosen when empty.
        sections: the number of sections; 0 for the teacher's own, or those that
            `plan` suggests.

    Raises:
        SettingsError: if the teacher has other inputs or classes, or cannot be
            cut into sections.
        DataError: if the file is missing or damaged.
    """
    file = model_paths.find(path, *model_paths.TEACHERS)
    print(f"teacher   from {file}", flush=True)
    if model_paths.is_weights(file):
        teacher = models.get(name, **architecture.options)(**dataset.form)
        model_files.load_weights(teacher, file)
        return teacher
    teacher = _load(file, dataset)
    if inspection.computes_in(teacher) != {"float32"}:
        teacher = copying.copy_model(teacher, policy="float32")
    if cuts or sections or not isinstance(teacher, SectionedModel):
        if dataset.task == "classes":
            teacher = compatibility.class_logits(teacher, "teacher")
        teacher = compatibility.with_plain_output(teacher)
        teacher = shrink.with_sections(teacher, cuts, sections or None)
    return teacher


def _with_plain_output(model, role):
    """Returns a model without list or dictionary around its one output.

    A sigmoid of one logit is removed too.
    """
    if not isinstance(model, keras.Model):
        return model
    model = compatibility.with_plain_output(model)
    if model.output_shape[-1] != 1:
        return model
    return compatibility.class_logits(model, role)


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
