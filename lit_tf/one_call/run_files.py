"""The files of a run folder of `lit_tf.compress`."""

import keras

from lit_tf import config, errors
from lit_tf.data import own_data
from lit_tf.data.dataset import Dataset
from lit_tf.experiment import budget, context, curves, report, results
from lit_tf.one_call import compiling
from lit_tf.one_call.result import CompressionResult
from lit_tf.sections import functional, inspection, model_files
from lit_tf.training import run_folder
from lit_tf.utils import atomic_files, json_files

# Settings of `lit-compress` that name an architecture.
IGNORED = ("teacher", "student")
# What a log has in addition to the metrics of an epoch.
_LOGGED_TOO = (
    "phase",
    "epoch",
    "step",
    "learning_rate",
    "loss_scale",
    "examples_per_second",
)
_CURVES = {
    "accuracy": "student, train",
    "validation/accuracy": "student, validation",
    "hard": "loss on labels, train",
    "validation/hard": "loss on labels, validation",
}


def write(
    result: CompressionResult,
    folder: run_folder.RunFolder,
    training: results.Training,
    dataset: Dataset,
    settings: config.Compress,
) -> None:
    """Writes models, curves and report; the report last.

    The report has the names of one of `lit-compress`, so that `lit-report`
    reads both.

    Args:
        result: the result.
        folder: the run folder.
        training: what the training of the student left.
        dataset: the user's data.
        settings: the settings.
    """
    model_files.write(result.student, folder.model("student"))
    atomic_files.remove(folder.saved_model)
    functional.inference_mode(result.student).export(
        str(folder.saved_model), verbose=False
    )
    curves.draw(folder.metrics, folder.curves, _CURVES, teacher=None)
    validated = dataset.validation is not None
    comparison = result.facts["comparison"] or {}
    of_classes = "accuracy" in comparison.get("student", {})
    score = "validation_accuracy" if of_classes else "validation_score"
    student = {
        "exported": "best" if validated else "last",
        "last_phase": training.last_phase,
        "last": _moment(training.last, training.last_phase, score),
        "best": _moment(training.best.student, training.best.phase, score)
        if validated
        else None,
    }
    spent = budget.total(training.spent)
    facts = {
        **result.facts,
        "student": result.facts["student"] | student,
        "budget": spent,
        "wall_seconds": {
            name: phase["seconds"] for name, phase in spent["phases"].items()
        },
        **context.circumstances(
            settings,
            dataset,
            fingerprint=own_data.fingerprint(dataset),
            command="lit_tf.compress",
            ignored=IGNORED,
        ),
    }
    models = (result.facts[role]["model"] for role in ("teacher", "student"))
    text = (
        f"# {' → '.join(models)}\n\n{result.report}\n\n![Curves](curves.png)\n"
    )
    report.write(folder, facts, text)


def _moment(student, phase, score):
    return {
        "phase": phase,
        "epoch": student.epoch,
        score: student.validation_accuracy,
    }


def read(
    folder: run_folder.RunFolder, model: keras.Model, dataset: Dataset
) -> CompressionResult:
    """Returns the result of a finished run from its folder.

    Args:
        folder: the run folder.
        model: the user's model.
        dataset: the user's data.

    Raises:
        DataError: if a file cannot be read, such as a model with a `Lambda`.
    """
    print(f"{folder.path} is finished. Pass overwrite=True to start again.")
    path = folder.model("student")
    try:
        facts = json_files.parse(folder.report.read_bytes())
        student = keras.models.load_model(
            path, custom_objects=inspection.classes_of(model), compile=False
        )
    except Exception as error:  # Damage can cause any kind of exception.
        raise errors.DataError(
            f"{folder.report} or {path} cannot be read, because it is damaged "
            f"or for another cause ({errors.cause(error)}). With "
            "overwrite=True the run starts again."
        ) from error
    compiling.compile_alike(student, model)
    return CompressionResult(
        student=student,
        history=history(folder),
        facts=facts,
        teacher=model,
        data=dataset,
        folder=folder.path,
    )


def history(
    folder: run_folder.RunFolder,
) -> dict[str, dict[str, list[float]]]:
    """Returns the metrics of each epoch of a run, by phase and name."""
    found = {}
    for row in curves.read(folder.metrics):
        metrics = found.setdefault(row["phase"], {})
        for name, value in row.items():
            if name not in _LOGGED_TOO:
                name = name.replace("validation/", "val_")
                metrics.setdefault(name, []).append(value)
    return found
