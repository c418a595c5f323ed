"""`lit-export`: from a saved model to a file for its place of use."""

import contextlib
import dataclasses
import pathlib
from typing import Any

from lit_tf import data, errors
from lit_tf.config import Data, Session
from lit_tf.config.deployment import Deployment
from lit_tf.data import graph_errors
from lit_tf.deployment import export_report, formats, measurement
from lit_tf.experiment import (
    class_names,
    export_costs,
    model_paths,
    run_data,
    trained_models,
)
from lit_tf.experiment.tasks import TASKS
from lit_tf.interop import hub_texts, signatures
from lit_tf.sections import copying, cost
from lit_tf.utils import json_files


@measurement.on_cpu()
@graph_errors.translated()
def export(
    path: str,
    output: str,
    settings: Data,
    session: Session,
    how: Deployment,
    *,
    teacher_weights: str = "",
    overwrite: bool = False,
    texts: bool = False,
) -> dict[str, Any]:
    """Exports a saved model, checks the file, and measures it.

    The facts are printed. If the model is that of a run folder, they are
    written there too, as `export_FORMAT.json`.

    Args:
        path: a `.keras` file or a run folder.
        output: the file or folder to write.
        settings: the dataset whose training examples check the export and
            calibrate int8, and whose test split measures it.
        session: the folder of the data.
        how: format, precision, measurement.
        teacher_weights: the teacher to measure too; "" for that of the run
            folder, if it has one.
        overwrite: whether an existing export at `output` is replaced.
        texts: whether a SavedModel takes strings, by the preprocessor of the
            settings.

    Returns:
        The facts (see `export_report.facts`).

    Raises:
        SettingsError: if the model cannot be exported in this way.
        DataError: if a file is missing, exists or cannot be written, or the
            outputs of the export differ. Nothing is written.
    """
    how = how.for_path(output)
    errors.require(
        how.format == "saved_model" or not texts,
        "Only a SavedModel takes texts; the other formats take token ids.",
        format=how.format,
        texts=texts,
    )
    target = formats.of(how).check_target(output, overwrite)
    is_folder = pathlib.Path(path).is_dir()
    if is_folder:
        export_report.check_writable(pathlib.Path(path), how)
    settings = run_data.complete(settings, session, path)
    errors.require(
        bool(settings.preprocessor) or not texts,
        "`texts` needs the preprocessor of the model: name it with "
        "--preprocessor.",
        preprocessor=settings.preprocessor,
    )
    cost.limit_threads(how.threads)
    model, dataset = trained_models.load(path, settings, session)
    model = copying.copy_model(model, policy="float32")
    models = {"model": (model, model_paths.find(path, *model_paths.MODELS))}
    if how.measure:
        models |= _teacher(path, teacher_weights, dataset)
    kind = {"output": TASKS[dataset.task].output}
    signature = signatures.signature_of(model, **kind)
    written = signature
    if how.format == "saved_model":
        written = signatures.signature_of(
            model,
            hub_texts.read(settings) if texts else None,
            classes=class_names.of_export(path, dataset),
            **kind,
        )
    calibrated_on = measurement.calibration(how, dataset.train, signature)
    checked = formats.of(how).write(
        target,
        written,
        dataset.train.read(0, export_costs.CHECKED),
        calibrated_on,
        classes=dataset.task == "classes",
    )
    roles = {}
    if how.measure:
        measured = _Measured(how, target, dataset, session)
        roles = measured.roles(models, written)
    facts = export_report.facts(
        how, output, checked, roles, calibrated_on=len(calibrated_on)
    )
    print(export_report.Exported(facts), flush=True)
    if is_folder:
        export_report.write(facts, pathlib.Path(path), how)
    return facts


@dataclasses.dataclass(frozen=True)
class _Measured:
    """What is measured: the file, on the test split of a dataset."""

    how: Deployment
    target: pathlib.Path
    dataset: data.Dataset
    session: Session

    @property
    def _format(self):
        return formats.of(self.how)

    def roles(self, loaded, written):
        """Returns metrics, bytes and latency of teacher, model and export.

        Args:
            loaded: each model and its file by role.
            written: the signature with which the file was written.
        """
        task = TASKS[self.dataset.task]
        example = self.dataset.train.read(0, 1)
        models = {role: model for role, (model, _) in loaded.items()}
        files = {role: file for role, (_, file) in loaded.items()}
        functions = {
            role: formats.model_function(
                signatures.signature_of(each, output=task.output), example
            )
            for role, each in models.items()
        }
        functions["export"] = self._format.latency_function(
            self.target, written, example
        )
        files["export"] = self.target
        return measurement.roles(
            functions,
            {role: file.name for role, file in files.items()},
            {role: cost.file_bytes(file) for role, file in files.items()},
            self._metrics(task, models, written),
        )

    def _metrics(self, task, models, written):
        """Returns the metrics of each role on the test split.

        A generator is not judged here: that takes a discriminator.
        """
        if self.dataset.task == "images":
            return {}
        read = {"session": self.session, "auxiliary_models": {}}
        opened = self._format.predictor(self.target, written, task.output)
        # The export against the model, as a student against its teacher.
        results = task.evaluate(
            {"teacher": models["model"], "export": opened},
            self.dataset,
            exported="export",
            **read,
        )
        against = ("agreement", "difference")
        metrics = {
            "model": results["roles"]["teacher"],
            "export": results["roles"]["export"]
            | {name: results[name] for name in against if name in results},
        }
        if "teacher" in models:
            # Without labels, the model is compared with its teacher.
            known = task.evaluate(
                {"teacher": models["teacher"], "model": models["model"]}
                if self.dataset.task == "embeddings"
                else {"teacher": models["teacher"]},
                self.dataset,
                **read,
            )["roles"]
            metrics = {**metrics, **{k: v for k, v in known.items() if v}}
        return metrics


def _teacher(path, given, dataset):
    """Returns the teacher and its file by its role; {} if it is not known."""
    file = _teacher_file(path, given)
    if file is None or (not given and model_paths.is_weights(file)):
        return {}
    return {"teacher": (trained_models.load_plain(file, dataset), file)}


def _teacher_file(path, given):
    if given:
        return model_paths.find(given, *model_paths.TEACHERS)
    folder = pathlib.Path(path)
    if not (folder / "student.keras").is_file():
        return None  # The folder is that of a teacher, or a file.
    with contextlib.suppress(errors.DataError):
        return model_paths.find(path, *model_paths.TEACHERS)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        known = json_files.parse((folder / "config.json").read_bytes())
        found = model_paths.find(
            known["settings"]["teacher_weights"], *model_paths.TEACHERS
        )
        return found if found.is_file() else None
    return None
