"""Dry run: builds and checks a compression and measures a step per phase."""

import itertools
from typing import Any

import keras
import numpy as np

from lit_tf import errors
from lit_tf.config import Compress
from lit_tf.experiment import (
    auto_cache,
    build,
    planned_epochs,
    step_time,
    student_training,
)
from lit_tf.experiment.tasks import TASKS
from lit_tf.experiment.teacher_check import measure_accuracy
from lit_tf.methods import stages
from lit_tf.sections import cost
from lit_tf.training import multi_worker
from lit_tf.training.schedule import Schedule
from lit_tf.utils import text_format


def dry_run(settings: Compress) -> dict[str, Any]:
    """Builds everything that a compression needs and measures a few steps.

    Shapes, dtypes and weights are checked, and the teacher's accuracy on one
    batch. The trained weights are discarded; nothing is written, and the run
    folder is not read. (`lit-benchmark --memory` measures memory.)

    Args:
        settings: the settings.

    Returns:
        `teacher_accuracy` on a batch, None for a new teacher; `cache_seconds`
        to fill the teacher's cache; and for each of the `phases` its `epochs`,
        `steps` per epoch, `step_seconds`, `batch_size`, `seconds` and more
        (see `step_time.measure`).

    Raises:
        SettingsError: if the settings do not fit each other or the data.
        DataError: if data or weights are missing, damaged or not finite.
    """
    settings = planned_epochs.with_own_epochs(settings)
    with multi_worker.in_step(settings) as settings:
        return _dry_run(build.complete(settings))


def _dry_run(settings):
    build.check_names(settings)
    dataset = build.load_dataset(settings.data, settings.session)
    teacher, student = build.pair(settings, dataset)
    _check_weights(teacher)
    output = TASKS[dataset.task].output
    print(
        f"{teacher.name} → {student.name} on {dataset.name}\n\n"
        f"{build.describe(settings, teacher, student)}\n\n"
        f"{_costs(teacher)}\n{_costs(student)}\n{_dtypes(student, output)}",
        flush=True,
    )
    auxiliary_models = _auxiliary_models(settings, dataset)
    pair = student_training.freeze_pair(settings, teacher, student, dataset)
    pair = planned_epochs.fitted(pair, dataset, auxiliary_models)
    settings = pair.settings
    remaining = student_training.training_stages(
        pair, dataset, auxiliary_models
    )
    results = {"teacher_accuracy": None, "cache_seconds": 0.0, "phases": {}}
    if settings.teacher_weights:
        results["teacher_accuracy"] = _validate_teacher(
            pair, dataset, auxiliary_models
        )
    else:
        remaining = itertools.chain([_teach(settings, dataset)], remaining)
    cached = None
    decided = auto_cache.decided(pair, dataset, auxiliary_models)
    if decided.settings.frozen.teacher_cache != "off":
        cache = student_training.teacher_cache(decided, dataset)
        cached, results["cache_seconds"] = cache.preview()
    for stage in remaining:
        schedule = Schedule(
            stage.trainer,
            dataset,
            getattr(settings, stage.phase),
            cached=cached,
        )
        results["phases"][stage.name] = step_time.measure(
            stage.trainer, schedule, settings.compute
        )
    print(f"\n{_table(results['phases'])}\n")
    seconds = sum(phase["seconds"] for phase in results["phases"].values())
    seconds += results["cache_seconds"]
    print(
        f"time      about {text_format.duration(seconds)} on this machine, and "
        "the report\nNothing was trained, and the run folder was not touched."
    )
    return results


def _teach(settings, dataset):
    """Returns the stage of phase `teach`."""
    model = build.teacher_trainer(
        settings.teacher,
        dataset,
        architecture=settings.architecture,
        adversarial=settings.adversarial,
        compute=settings.compute,
    )
    return stages.Stage(name="teach", phase="teach", trainer=model)


def _auxiliary_models(settings, dataset):
    """Returns the teacher's auxiliary models, new ones for a new teacher."""
    path, near = settings.discriminator_weights, settings.teacher_weights
    if path or near:
        return build.load_auxiliary_models(
            dataset, settings.compute, path=path, near=near
        )
    return build.new_auxiliary_models(
        dataset, settings.adversarial, settings.compute
    )


def _check_weights(teacher):
    for variable in teacher.variables:
        if not np.isfinite(keras.ops.convert_to_numpy(variable)).all():
            raise errors.DataError(
                "The teacher's weights must be finite. Not finite: "
                f"{variable.path}."
            )


def _costs(model):
    counted = cost.count_flops(model)
    note = cost.note(counted.uncounted)
    return (
        f"{model.name}: {cost.parameters(model):,} parameters, depth "
        f"{cost.depth(model)}, {counted.flops / 1e6:,.1f} M FLOPs per example"
        + (f"\n{note}" if note else "")
    )


def _dtypes(model, output):
    layers = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if not isinstance(layer, keras.Model)
    ]
    # The layers with kernels compute most.
    kernels = {x.compute_dtype for x in layers if hasattr(x, "kernel")}
    variables = {variable.dtype for variable in model.variables}
    kernels, variables = (", ".join(sorted(x)) for x in (kernels, variables))
    return (
        f"{model.name} computes in {kernels}, with variables in {variables} "
        f"and {output} in {model.outputs[0].dtype}"
    )


def _validate_teacher(pair, dataset, auxiliary_models):
    split = dataset.validation or dataset.train
    count = min(pair.settings.lit.batch_size, len(split))
    batch = split.take(np.arange(count))
    return measure_accuracy(
        pair, batch, dataset, auxiliary_models, where=f"a batch of {count}"
    )


def _table(phases):
    rows = [("phase", "epochs", "steps", "ms a step", "examples/s", "time")]
    for name, phase in phases.items():
        step = phase["step_seconds"]
        rows.append(
            (
                name,
                f"{phase['epochs']:.4g}",
                f"{phase['steps']:,}",
                f"{1000 * step:,.1f}",
                f"{phase['batch_size'] / step:,.0f}",
                text_format.duration(phase["seconds"]),
            )
        )
    return text_format.table(rows)
