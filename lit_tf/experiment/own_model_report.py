"""The result of `lit_tf.compress`: the plain student, its table, its files."""

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from lit_tf import config, errors
from lit_tf.config import flatten
from lit_tf.data import own_data
from lit_tf.data.dataset import Dataset
from lit_tf.experiment import curves, paired, report
from lit_tf.experiment.compression_result import CompressionResult
from lit_tf.experiment.results import Best
from lit_tf.outputs import Outputs
from lit_tf.sections import (
    copying,
    cost,
    functional,
    model_class,
    model_files,
    plain_form,
    same_class,
    sectioned_model,
    softmax,
)
from lit_tf.training import run_folder
from lit_tf.utils import atomic_files, json_files

_LATENCY_RUNS = 30
_BATCH = 256
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


def make(
    model: keras.Model,
    teacher: sectioned_model.SectionedModel,
    best: Best,
    dataset: Dataset,
    outputs: Outputs,
    *,
    settings: config.Compress,
    history: Mapping[str, Mapping[str, list[float]]],
    folder: run_folder.RunFolder | None,
) -> CompressionResult:
    """Compares the best student with the model, and writes the run folder.

    Args:
        model: the user's model.
        teacher: the same model, cut, which returns logits.
        best: the best student.
        dataset: the user's data.
        outputs: the kind of output.
        settings: the settings.
        history: the metrics of each epoch by phase and name.
        folder: the run folder; None to write nothing.
    """
    trained = copying.copy_model(best.model, policy="float32")
    for variable, value in zip(
        trained.variables, best.student.variables, strict=True
    ):
        variable.assign(value)
    student = _plain(trained, model)
    comparison = None
    if dataset.validation is not None:
        batches = own_data.evaluation_batches(dataset.validation, _BATCH)
        comparison = paired.compare(teacher, trained, batches, outputs)
    facts = {
        "comparison": comparison,
        "best": {"phase": best.phase, "epoch": best.student.epoch},
        "blocks": list(trained.facts["blocks"]),
    }
    latency = _latency_ms({"teacher": teacher, "student": trained}, dataset)
    for role, cut, whole in (
        ("teacher", teacher, model),
        ("student", trained, student),
    ):
        metrics = dict(comparison[role]) if comparison else {}
        metrics |= _own_metrics(whole, dataset)
        facts[role] = {
            "model": whole.name,
            "metrics": metrics,
            "parameters": cost.parameters(cut),
            "flops": _flops(cut, dataset),
            "latency_ms": latency[role],
            "bytes": sum(v.numpy().nbytes for v in whole.variables),
        }
    result = CompressionResult(student=student, history=history, facts=facts)
    if folder:
        _write(result, folder, settings)
    return result


def read(folder: run_folder.RunFolder) -> CompressionResult:
    """Returns the result of a finished run from its folder.

    Raises:
        DataError: if a file is damaged.
    """
    print(f"{folder.path} is finished. Pass overwrite=True to start again.")
    facts = json_files.parse(folder.report.read_bytes())
    return CompressionResult(
        student=keras.models.load_model(folder.model("student")),
        history=_history(folder),
        facts=facts,
    )


def _plain(trained, model):
    """Returns a student of Keras's layers that returns what the model does."""
    restored = same_class.restored(trained)
    student = getattr(restored, "source", None)
    if model_class.layers_of(student) is None:  # Of no class of its own.
        student, _ = plain_form.plain_form(trained)
    last = [softmax.activation(model, at) for at in range(len(model.outputs))]
    if any(last):
        outputs = [
            keras.layers.Activation(name, dtype="float32")(z) if name else z
            for name, z in zip(
                last, keras.tree.flatten(student.output), strict=True
            )
        ]
        nested = getattr(model, "_functional", model).output
        student = keras.Model(
            student.input,
            keras.tree.pack_sequence_as(nested, outputs),
            name=f"{model.name}_student",
        )
    # A class with a `compile` of its own, as those of KerasHub, is compiled
    # when it is built.
    if model.compiled and type(model).compile is keras.Model.compile:
        try:
            student.compile_from_config(model.get_compile_config())
        except (TypeError, ValueError) as error:  # Functions of the user.
            print(
                "student   is not compiled, because the loss or a metric of "
                f"{model.name} has no configuration ({errors.line(error)})",
                flush=True,
            )
    return student


def _own_metrics(model, dataset):
    """Returns the loss and metrics that a model was compiled with."""
    if not model.compiled or dataset.validation is None:
        return {}
    batches = own_data.evaluation_batches(dataset.validation, _BATCH)
    try:
        found = model.evaluate(batches, verbose=0, return_dict=True)
    except (TypeError, ValueError, tf.errors.OpError) as error:
        # They may read labels of another form, or preprocess inputs anew.
        print(
            f"metrics   those that {model.name} was compiled with cannot be "
            f"computed on the validation data ({errors.line(error)})",
            flush=True,
        )
        return {}
    return {
        name: float(value)
        for name, value in found.items()
        if not np.ndim(value)
    }


def _flops(model, dataset):
    counted = cost.count_traced_flops(
        lambda x: model(x, training=False), own_data.first_inputs(dataset)
    )
    return counted.flops


def _latency_ms(models, dataset):
    functions = {
        role: tf.function(
            lambda x, model=model: model(x, training=False), autograph=False
        )
        for role, model in models.items()
    }
    return cost.medians_ms(
        functions, [own_data.first_inputs(dataset)], runs=_LATENCY_RUNS
    )


def _history(folder):
    history = {}
    for row in curves.read(folder.metrics):
        metrics = history.setdefault(row["phase"], {})
        for name, value in row.items():
            if name not in _LOGGED_TOO:
                name = name.replace("validation/", "val_")
                metrics.setdefault(name, []).append(value)
    return history


def _write(result, folder, settings):
    """Writes models, curves and report; the report last."""
    model_files.write(result.student, folder.model("student"))
    atomic_files.remove(folder.saved_model)
    functional.inference_mode(result.student).export(
        str(folder.saved_model), verbose=False
    )
    curves.draw(folder.metrics, folder.curves, _CURVES, teacher=None)
    facts = {
        **result.facts,
        "settings": flatten.flatten(settings),
        "hardware": report.hardware(),
        "versions": run_folder.versions(),
    }
    report.write(folder, facts, f"{result.table}\n\n![Curves](curves.png)\n")
