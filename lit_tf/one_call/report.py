"""The result of `lit_tf.compress`: the plain student and its comparison."""

import keras
import numpy as np
import tensorflow as tf

from lit_tf import config
from lit_tf.data import own_data
from lit_tf.data.dataset import Dataset
from lit_tf.evaluation import compiled_metrics
from lit_tf.experiment import advice, paired, results
from lit_tf.one_call import compiling, run_files
from lit_tf.one_call.result import CompressionResult
from lit_tf.outputs import Outputs
from lit_tf.sections import (
    cost,
    kept_blocks,
    model_class,
    plain_form,
    same_class,
    sectioned_model,
    softmax,
    structure,
)
from lit_tf.training import run_folder

_LATENCY_RUNS = 30
_BATCH = 256


def make(
    model: keras.Model,
    teacher: sectioned_model.SectionedModel,
    training: results.Training,
    dataset: Dataset,
    outputs: Outputs,
    *,
    settings: config.Compress,
    folder: run_folder.RunFolder | None,
) -> CompressionResult:
    """Compares the best student with the model, and writes the run folder.

    Args:
        model: the user's model.
        teacher: the same model, cut, which returns logits.
        training: the best student, and what its training left.
        dataset: the user's data.
        outputs: the kind of output.
        settings: the settings.
        folder: the run folder; None to write nothing.
    """
    history = run_files.history(folder) if folder else training.history
    best = training.best
    trained = results.float32_copy(best.model, best.student)
    student = _plain(trained, model)
    facts = _compared(teacher, trained, dataset, outputs)
    facts |= _origin(teacher, trained, training, history, dataset)
    facts |= _roles(
        facts["comparison"],
        {"teacher": teacher, "student": trained},
        {"teacher": model, "student": student},
        dataset,
    )
    result = CompressionResult(
        student=student,
        history=history,
        facts=facts,
        teacher=model,
        data=dataset,
        folder=folder.path if folder else None,
    )
    if folder:
        run_files.write(result, folder, training, dataset, settings)
    return result


def _compared(teacher, trained, dataset, outputs):
    """Returns the comparison on the validation data, None without any."""
    if dataset.validation is None:
        return {"comparison": None}
    batches = own_data.evaluation_batches(dataset.validation, _BATCH)
    found = paired.compare(teacher, trained, batches, outputs)
    names = ("per_class", "confused")  # Of classes alone.
    apart = {name: found.pop(name) for name in names if name in found}
    return {"comparison": found, **apart}


def _origin(teacher, trained, training, history, dataset):
    """Returns where the student comes from, and advice for another run."""
    best = training.best
    blocks = trained.facts.get("blocks")  # A pruned teacher has all.
    return {
        "best": {"phase": best.phase, "epoch": best.student.epoch},
        "blocks": list(blocks or ()),
        "kept": kept_blocks.numbers(teacher, blocks) if blocks else [],
        "advice": _advice(history, training.last_phase, dataset),
    }


def _roles(comparison, cut, whole, dataset):
    """Returns metrics and costs of each role.

    Args:
        comparison: what `_compared` found; or None.
        cut: role → the model cut, which returns logits.
        whole: role → the same model as the user has it.
        dataset: the user's data.
    """
    latency = _latency_ms(cut, dataset)
    return {
        role: {
            "model": whole[role].name,
            "metrics": (comparison or {}).get(role, {})
            | _own_metrics(whole[role], dataset),
            "depth": cost.depth(cut[role]),
            "parameters": cost.parameters(cut[role]),
            **_count_flops(cut[role], dataset).facts,
            "latency_ms": latency[role],
            "bytes": cost.weight_bytes(whole[role]),
        }
        for role in cut
    }


def _plain(trained, model):
    """Returns a student of Keras's layers that returns what the model does."""
    restored = same_class.restored(trained)
    student = getattr(restored, "source", None)
    if model_class.layers_of(student) is None:  # Of no class of its own.
        student, _ = plain_form.plain_form(trained)
    last = [softmax.activation(model, at) for at in range(len(model.outputs))]
    names = map(structure.output_names, (student, model))
    ends = (last, student.outputs, *names)
    taken = {layer.name for layer in student.layers}
    outputs = [
        z if own == name and not kind else _ending(kind, name, taken)(z)
        for kind, z, own, name in zip(*ends, strict=True)
    ]
    if any(z is not end for z, end in zip(outputs, ends[1], strict=True)):
        nested = structure.outputs_of(model)
        student = keras.Model(
            student.input,
            keras.tree.pack_sequence_as(nested, outputs),
            name=f"{model.name}_student",
        )
    compiling.compile_alike(student, model)
    return student


def _ending(kind, name, taken):
    """Returns the layer that computes an output and gives it its name.

    Losses and metrics may be compiled by the names of outputs.

    Args:
        kind: "softmax", "sigmoid" or "".
        name: the name of the model's output.
        taken: the names of the student's layers.
    """
    name = None if name in taken else name
    taken.add(name)
    if not kind:
        return keras.layers.Identity(name=name)
    return keras.layers.Activation(kind, dtype="float32", name=name)


def _own_metrics(model, dataset):
    """Returns the loss and metrics that a model was compiled with."""
    if not model.compiled or dataset.validation is None:
        return {}
    batches = own_data.evaluation_batches(dataset.validation, _BATCH)
    found = {}
    with compiled_metrics.reported(model):
        # Not `model.evaluate`: a task of KerasHub would preprocess the inputs
        # once more.
        found = keras.Model.evaluate(
            model, batches, verbose=0, return_dict=True
        )
    return {
        name: float(value)
        for name, value in found.items()
        if not np.ndim(value)
    }


def _count_flops(model, dataset):
    return cost.count_traced_flops(
        lambda x: model(x, training=False), own_data.first_inputs(dataset)
    )


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


def _advice(history, phase, dataset):
    curve = history.get(phase, {}).get("val_accuracy", ())  # It may be short.
    return advice.of_curve(
        [
            {"phase": phase, "epoch": epoch, "validation/accuracy": accuracy}
            for epoch, accuracy in enumerate(curve, 1)
        ],
        phase,
        examples=len(dataset.validation or ()),
    )
