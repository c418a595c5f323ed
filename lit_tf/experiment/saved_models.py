"""What can be done with a saved model: judge it, export it, learn from it."""

import dataclasses
import pathlib
from typing import Any

from lit_tf import data, errors, models
from lit_tf.config import Compress, Data, Session
from lit_tf.experiment import export_report, tasks
from lit_tf.interop import saved_model
from lit_tf.sections import compatibility, sectioned_model, shrink, softmax
from lit_tf.sections.sectioned_model import SectionedModel

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
    """Reads the test split and returns how good a saved model is on it.

    Args:
        path: a `.keras` file, a run folder or, of a classifier, a SavedModel
            that `lit-export` wrote.
        settings: which data set.
        session: where it is; by which features pictures are judged.
        teacher_weights: the model that it is compared with; "" for none.
        discriminator_weights: what judges a generator's pictures; "" for what
            lies beside its teacher, or beside itself.

    Returns:
        What the data set's task judges by (`tasks`): `test_accuracy`, a
        fraction, or of a generator `attribute_accuracy` and more; with the
        number of `test_examples`, the `model` and the `dataset`.

    Raises:
        SettingsError: the model was made for other inputs or classes.
        DataError: the model or the data are missing or damaged.
    """
    settings = fitted(settings, session, path)
    if (pathlib.Path(path) / "saved_model.pb").is_file():
        model = saved_model.read(path)
    else:
        model = sectioned_model.load(_found(path, *_MODELS))
    dataset = _dataset(settings, session)
    compatibility.check_form(model, dataset.name, dataset.form)
    models = {"student": model}
    if teacher_weights:
        teacher = sectioned_model.load(_found(teacher_weights, *_TEACHERS))
        models = {"teacher": teacher, **models}
    task = tasks.TASKS[dataset.task]
    auxiliary_models = task.auxiliary_models(
        dataset, named=discriminator_weights, near=teacher_weights or path
    )
    judged = task.evaluate(
        models,
        dataset,
        session,
        auxiliary_models,
        exported="student" if teacher_weights else "",
    )
    return {
        **judged.pop("roles")["student"],
        **judged,
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
    """Writes a saved model as a SavedModel, checked on real examples.

    Args:
        path: a `.keras` file or a run folder.
        output: the folder to write.
        settings: whose training examples it is checked on.
        session: where they are.
        overwrite: whether a SavedModel that stands at `output` may be replaced.

    Returns:
        The largest difference, as `export.write` has it.

    Raises:
        DataError: something stands at `output`, or the answers differ.
        SettingsError: the model was made for other inputs or classes.
    """
    settings = fitted(settings, session, path)
    target = pathlib.Path(output).resolve()
    _check_target(target, overwrite)
    model = sectioned_model.load(_found(path, *_MODELS))
    dataset = _dataset(settings, session)
    compatibility.check_form(model, dataset.name, dataset.form)
    return saved_model.write(
        model, target, dataset.train.inputs[: export_report.CHECKED]
    )


def teacher(config: Compress, dataset: data.Dataset) -> SectionedModel:
    """Returns the teacher that `teacher_weights` names, in float32.

    Raises:
        SettingsError: it has other inputs or classes, or cannot be cut into
            sections.
        DataError: its file is missing or damaged.
    """
    path = _found(config.teacher_weights, *_TEACHERS)
    print(f"teacher   from {path}", flush=True)
    if path.suffix == ".h5":
        options = config.architecture.options
        teacher = models.get(config.teacher, **options)(**dataset.form)
        sectioned_model.load_weights(teacher, path)
        return teacher
    teacher = sectioned_model.load(path)
    compatibility.check_form(teacher, dataset.name, dataset.form)
    if sectioned_model.computes_in(teacher) != {"float32"}:
        teacher = sectioned_model.with_policy(teacher, "float32")
    cut = isinstance(teacher, SectionedModel)
    if not cut or config.shrink.cuts:
        teacher = shrink.with_sections(
            softmax.logits(teacher), config.shrink.cuts
        )
    return teacher


def fitted(settings: Data, session: Session, path: str) -> Data:
    """Returns settings of the data that leave nothing open.

    The data set is named (`data.named`). Images of your own are resized to what
    a model reads, where the settings do not say otherwise.

    Args:
        settings: of the data.
        session: where they are.
        path: the model, as it is named; "" for none.

    Raises:
        DataError: what is in the data folder tells nothing, or the model's file
            is missing or damaged.
    """
    settings = data.named(settings, session.data_dir)
    chosen = settings.image_size != Data.image_size
    if chosen or not path or not data.source(settings.dataset).resized:
        return settings
    if (pathlib.Path(path) / "saved_model.pb").is_file():
        model = saved_model.read(path)
    else:
        model = _found(path, *_MODELS, *_TEACHERS)
        if model.suffix == ".h5":  # It tells no shape.
            return settings
        model = sectioned_model.load(model)
    height = model.inputs[0].shape[1]
    return dataclasses.replace(
        settings, image_size=height or settings.image_size
    )


def _dataset(settings, session):
    return data.load(
        settings, data_dir=session.data_dir, download=session.download
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
            f"{target} is no SavedModel, and --overwrite replaces nothing else."
        )


def _found(path, *names):
    """Returns the file itself or, of a run folder, the first that is there."""
    path = pathlib.Path(path)
    if not path.is_dir():
        return path
    for file in (path / name for name in names):
        if file.is_file():
            return file
    raise errors.DataError(
        f"The folder {path} holds neither {' nor '.join(names)}."
    )
