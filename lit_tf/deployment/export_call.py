"""`lit_tf.export`: from a model in memory to a file for its place of use."""

import functools
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf import errors
from lit_tf.config.deployment import Deployment
from lit_tf.data import graph_errors, own_data
from lit_tf.data.dataset import Dataset, Split
from lit_tf.deployment import (
    export_report,
    formats,
    measurement,
    signature_values,
)
from lit_tf.deployment.own_signature import OwnSignature
from lit_tf.evaluation import classification, compiled_metrics
from lit_tf.experiment import export_costs, paired
from lit_tf.outputs import derived
from lit_tf.sections import copying, cost, functional, structure

_BATCH = 256
_DEFAULT = Deployment()


def export(
    model: keras.Model,
    path: str | os.PathLike,
    train: Any,
    validation_data: Any = None,
    *,
    format: str = _DEFAULT.format,
    quantize: str = _DEFAULT.quantize,
    calibration_examples: int = _DEFAULT.calibration_examples,
    integer_io: bool = _DEFAULT.integer_io,
    seed: int = _DEFAULT.seed,
    threads: int = _DEFAULT.threads,
    teacher: keras.Model | None = None,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    overwrite: bool = False,
) -> export_report.Exported:
    """Exports a model to a file, checks the file, and measures it.

    Unlike `keras.Model.export`, it can quantize, and no file is written whose
    outputs were not compared with the model's. Layers such as dropout and
    augmentation are exported in inference mode.

    Example:
    ```python
    import keras
    import numpy as np

    import lit_tf

    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Flatten()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
    images = np.random.uniform(size=(64, 8, 8, 3)).astype("float32")
    print(lit_tf.export(model, "model.keras", images))
    ```

    Args:
        model: functional or sequential, and built.
        path: the path to write: a folder, or a file that ends in `.keras` or
            `.tflite`. It decides the format.
        train: what `keras.Model.fit` takes, or arrays of inputs alone. Of it
            come the examples of the check and of the calibration.
        validation_data: likewise; model and export are evaluated on it, by the
            metrics that the model was compiled with, or by the accuracy of a
            classifier. None for no evaluation.
        format: "litert", "keras" or "saved_model"; "auto" for that of the
            path.
        quantize: precision of a LiteRT file: "none" for float32, "float16" or
            "dynamic" for weights in 16 or 8 bits, "int8" for weights and
            activations.
        calibration_examples: number of examples that "int8" is calibrated on:
            of arrays drawn by the seed, of other data from the first batch.
        integer_io: for "int8", whether inputs and outputs are int8 too.
        seed: seed of the choice of these examples.
        threads: number of threads with which LiteRT's latency is measured.
            TensorFlow keeps its own number.
        teacher: a model with the same inputs that is measured too; or None.
        steps_per_epoch: number of batches of data without an end.
        validation_steps: number of validation batches, likewise.
        overwrite: whether an existing file of the same format is replaced.

    Returns:
        The facts, and their table.

    Raises:
        SettingsError: if an argument is not allowed, or LiteRT lacks an
            operation of the model. Nothing is written.
        DataError: if the path exists or cannot be written, or the outputs of
            the file differ. Nothing is written.
    """
    how = Deployment(
        format=format,
        quantize=quantize,
        calibration_examples=calibration_examples,
        integer_io=integer_io,
        seed=seed,
        threads=threads,
    ).for_path(path)
    for one in (model, teacher):
        if one is not None:
            functional.require_functional(one)
    formats.of(how).check_target(path, overwrite)
    preprocessor = getattr(model, "preprocessor", None)
    dataset = own_data.read(
        own_data.preprocessed(train, preprocessor),
        own_data.preprocessed(validation_data, preprocessor),
        rank=structure.input_rank(model),
        batch_size=_BATCH,
        steps=steps_per_epoch,
        validation_steps=validation_steps,
    )
    own_data.check_inputs(model, dataset)
    if teacher is not None:
        own_data.check_inputs(teacher, dataset)
    return of_dataset(model, path, dataset, how, teacher=teacher)


@measurement.on_cpu()
@graph_errors.translated()
def of_dataset(
    model: keras.Model,
    path: str | os.PathLike,
    dataset: Dataset,
    how: Deployment,
    *,
    teacher: keras.Model | None,
) -> export_report.Exported:
    """Exports a model as `export` does, with data that were read before.

    Args:
        model: functional or sequential.
        path: the path to write, which `Format.check_target` accepted.
        dataset: the user's data.
        how: the settings of the export, with a format.
        teacher: a model that is measured too; or None.
    """
    target = pathlib.Path(path).resolve()
    signature = OwnSignature(copying.copy_model(model, policy="float32"))
    examples, calibrated_on = _examples(how, dataset.train, signature)
    classes = _tells_classes(model, dataset)
    checked = formats.of(how).write(
        target, signature, examples, calibrated_on, classes=classes
    )
    roles = {}
    if how.measure:
        roles = _roles(how, target, model, teacher, signature, dataset, classes)
    facts = export_report.facts(
        how,
        path,
        checked,
        roles,
        calibrated_on=len(calibrated_on),
        drawn=isinstance(dataset.train, Split),
    )
    return export_report.Exported(facts)


def _examples(how, train, signature):
    """Returns the examples of the check, and those of the calibration."""
    if isinstance(train, Split):
        examples = train.read(0, export_costs.CHECKED)
        return examples, measurement.calibration(how, train, signature)
    first = train.first[0] if isinstance(train.first, tuple) else train.first
    checked = tf.nest.map_structure(lambda x: x[: export_costs.CHECKED], first)
    if how.quantize != "int8":
        return checked, []
    named = signature_values.named_inputs(signature, first)
    count = min(how.calibration_examples, train.batch_size)
    return checked, measurement.rows(named, count)


def _roles(how, target, model, teacher, signature, dataset, classes):
    """Returns metrics, bytes and latency of teacher, model and export."""
    example = own_data.first_inputs(dataset)
    models = {"teacher": teacher} if teacher is not None else {}
    models["model"] = model
    # Copies, because the variables of a model may be on a GPU.
    signatures = {
        role: OwnSignature(copying.copy_model(one, share=True))
        for role, one in models.items()
    }
    functions = {
        role: formats.model_function(one, example)
        for role, one in signatures.items()
    }
    functions["export"] = formats.of(how).latency_function(
        target, signature, example
    )
    outputs = {
        role: functools.partial(signature_values.outputs_of, one)
        for role, one in signatures.items()
    } | {"export": formats.of(how).outputs(target, signature)}
    sizes = {role: cost.weight_bytes(one) for role, one in models.items()}
    return measurement.roles(
        functions,
        {role: one.name for role, one in models.items()}
        | {"export": target.name},
        sizes | {"export": cost.file_bytes(target)},
        _metrics(models, outputs, dataset, classes),
    )


def _metrics(models, functions, dataset, classes):
    """Returns the metrics of each role on the validation data.

    They are those that the model was compiled with, or else the accuracy of a
    classifier; and of the export of a classifier the `agreement` with the
    model, which needs no labels.
    """
    if dataset.validation is None:
        return {}
    of_role = {role: models.get(role, models["model"]) for role in functions}
    compiled = {
        role: compiled_metrics.CompiledMetrics(one)
        for role, one in of_role.items()
    }
    predicted, labels = {role: [] for role in functions}, []
    # Once for all roles: data may be shuffled, or a generator.
    for batch in own_data.evaluation_batches(dataset.validation, _BATCH):
        x, y, weights = keras.utils.unpack_x_y_sample_weight(batch)
        labelled = _has_labels(y)
        for role, outputs_of in functions.items():
            outputs = _nested(of_role[role], outputs_of(x))
            if labelled:
                compiled[role].update(y, outputs, weights)
            if classes:
                (one,) = keras.tree.flatten(outputs)
                predicted[role].append(np.argmax(one, axis=-1))
        if classes and labelled:
            labels.append(classification.class_numbers(*tf.nest.flatten(y)))
    found = {role: one.result() for role, one in compiled.items()}
    if classes:
        predicted = {k: np.concatenate(each) for k, each in predicted.items()}
        for role in functions:
            if labels and not found[role]:
                right = predicted[role] == np.concatenate(labels)
                found[role] = {"accuracy": float(np.mean(right))}
        same = predicted["export"] == predicted["model"]
        found["export"]["agreement"] = float(np.mean(same))
    return found


def _has_labels(y):
    """Returns whether a batch has labels that are numbers.

    Arrays without labels have some of width 0.
    """
    return y is not None and all(
        tuple(one.shape[1:]) != (0,) and one.dtype != tf.string
        for one in tf.nest.flatten(y)
    )


def _tells_classes(model, dataset):
    """Returns whether a model has one output of exclusive classes."""
    labels = own_data.first_labels(dataset.train)
    if labels is None:  # The loss or the last activation may say it.
        labels = np.zeros((1, 0), np.float32)
    try:
        kind = derived.derive(
            model,
            labels,
            model.loss if model.compiled else None,
            None,
            alpha=1.0,
            temperature=1.0,
            tell=lambda sentence: None,  # Nothing is trained.
        )
    except errors.SettingsError:  # Only a measurement is missing.
        return False
    graph = functional.require_functional(model)
    one = keras.tree.flatten(graph.output)[0]
    return paired.of_classes(kind, graph) and one.shape[-1] > 1


def _nested(model, named):
    """Returns named outputs, nested as a model returns them."""
    outputs, own = named, functional.require_functional(model).output
    if not isinstance(own, Mapping):
        flat = [named[f"output_{k}"] for k in range(len(named))]
        outputs = keras.tree.pack_sequence_as(own, flat)
    return keras.tree.map_structure(tf.constant, outputs)
