"""A dry run: checks settings and models, and measures a step of each phase."""

import functools
import itertools
import math
import statistics
import time
from typing import Any

import keras
import numpy as np

from lit_tf import data, errors, models
from lit_tf.config import Compress, Phase, Run
from lit_tf.data import batches
from lit_tf.experiment import build, tasks
from lit_tf.methods import trainer
from lit_tf.methods.stages import Stage
from lit_tf.sections import cost
from lit_tf.teacher import cached_outputs
from lit_tf.training import devices, fit, multi_worker, optimizers
from lit_tf.utils import text_format

_STEPS = 4  # The first of which compiles, which is counted once.


def rehearse(config: Compress) -> dict[str, Any]:
    """Builds all of a compression, measures a step of each phase and tells.

    Shapes, dtypes and weights are checked, and the teacher's accuracy on one
    batch. What is trained for the measurement is thrown away; nothing is
    written, and the run folder is not looked at.

    Args:
        config: the settings.

    Returns:
        `teacher_accuracy` on a batch, `cache_seconds` to fill the teacher's
        cache, and of each of the `phases` its `steps`, `step_seconds` and
        `seconds`.

    Raises:
        SettingsError: the run would be refused.
        DataError: data or weights are missing, damaged or not finite.
    """
    with multi_worker.in_step(build.resolved(config)) as config:
        return _rehearse(config)


def _rehearse(config):
    models.get(config.student, **config.architecture.options)
    # One that is read from a file has its own width.
    models.get(config.teacher)
    dataset = build.dataset(config)
    teacher, student = build.pair(config, dataset)
    _check_weights(teacher)
    print(
        f"{teacher.name} → {student.name} on {dataset.name}\n\n"
        f"{build.shown(config, teacher, student)}\n\n"
        f"{_parameters(teacher)}\n{_parameters(student)}\n{_dtypes(student)}",
        flush=True,
    )
    results = {"teacher_accuracy": None, "phases": {}}
    auxiliary_models = build.auxiliary_models(config, dataset)
    pair = build.freeze(config, teacher, student, dataset)
    stages = build.stages(pair, dataset, auxiliary_models)
    if config.teacher_weights:
        results["teacher_accuracy"] = _validate_teacher(
            pair, dataset, auxiliary_models
        )
    else:
        first = build.teaching(config, dataset)
        first = Stage(name="teach", phase="teach", trainer=first)
        stages = itertools.chain([first], stages)
    answers = None
    results["cache_seconds"] = 0.0
    if config.frozen.teacher_cache != "off":
        store = build.cache_of(pair, dataset)
        answers, results["cache_seconds"] = store.rehearse()
    for stage in stages:
        model, settings = stage.trainer, getattr(config, stage.phase)
        results["phases"][stage.name] = _measured(
            model,
            dataset,
            settings,
            config.run,
            fit.read_by(model, answers),
        )
    print(f"\n{_table(results['phases'])}\n")
    seconds = sum(phase["seconds"] for phase in results["phases"].values())
    seconds += results["cache_seconds"]
    print(
        f"time      about {text_format.duration(seconds)} on this machine, and "
        "the report\nNothing was trained, and the run folder not touched."
    )
    return results


def _check_weights(teacher):
    for variable in teacher.variables:
        if not np.isfinite(keras.ops.convert_to_numpy(variable)).all():
            raise errors.DataError(
                f"The teacher's weights must be finite. {variable.path} is not."
            )


def _parameters(model):
    counted = cost.count_flops(model)
    note = cost.note(counted.uncounted)
    return (
        f"{model.name}: {cost.parameters(model):,} parameters, depth "
        f"{cost.depth(model)}, {counted.flops / 1e6:,.1f} M FLOPs an example"
        + (f"\n{note}" if note else "")
    )


def _dtypes(model):
    layers = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if not isinstance(layer, keras.Model)
    ]
    # What the policy is for are the layers that have most to compute.
    kernels = {x.compute_dtype for x in layers if hasattr(x, "kernel")}
    variables = {variable.dtype for variable in model.variables}
    kernels, variables = (", ".join(sorted(x)) for x in (kernels, variables))
    return (
        f"{model.name} computes in {kernels}, with variables in {variables} "
        f"and logits in {model.output.dtype}"
    )


def _validate_teacher(pair, dataset, auxiliary_models):
    split = dataset.validation or dataset.train
    batch = split.take(np.arange(min(pair.config.lit.batch_size, len(split))))
    task = tasks.TASKS[dataset.task]
    accuracy = task.validate_teacher(
        pair.frozen, batch, dataset, auxiliary_models
    )
    print(
        f"teacher   {accuracy:.2%}{task.ACCURACY} on a batch of {len(batch)}",
        flush=True,
    )
    return accuracy


class _Clock(keras.callbacks.Callback):
    """Times the steps of training, and those of evaluation."""

    def __init__(self):
        super().__init__()
        self.train, self.test = [], []

    def on_train_batch_begin(self, batch, logs=None):
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.train.append(time.perf_counter() - self._began)

    def on_test_batch_begin(self, batch, logs=None):
        self._began = time.perf_counter()

    def on_test_batch_end(self, batch, logs=None):
        self.test.append(time.perf_counter() - self._began)


def _measured(
    model: trainer.Trainer,
    dataset: data.Dataset,
    settings: Phase,
    run: Run,
    answered: cached_outputs.Answers,
) -> dict[str, Any]:
    """Takes a few steps of a phase and tells how long all of it will take."""
    strategy = model.distribute_strategy
    with strategy.scope():
        model.compile(
            optimizers.of(settings),
            jit_compile=devices.jit_compile(run.jit_compile),
        )
    batch_size = settings.batch_size * model.batches
    whole = model.batches > 1
    steps = batches.steps_per_epoch(dataset.train, batch_size, whole=whole)
    total = settings.total(steps)
    clock = _Clock()
    training = functools.partial(
        batches.training,
        dataset.train,
        batch_size=batch_size,
        # Enough of them, however few steps make one.
        epochs=_STEPS,
        seed=run.seed,
        crop=dataset.crop,
        task=dataset.task,
        whole=whole,
        views=answered.train,
    )
    model.fit(
        batches.distribute(training, strategy),
        steps_per_epoch=_STEPS,
        callbacks=[clock],
        verbose=0,
        shuffle=False,
    )
    step = statistics.median(clock.train[1:])
    evaluating, compiling = 0.0, clock.train[0] - step
    if dataset.validation is not None:
        many = batches.steps_per_epoch(dataset.validation, settings.batch_size)
        reading = functools.partial(
            batches.evaluation,
            dataset.validation,
            batch_size=settings.batch_size,
            task=dataset.task,
            views=answered.validation,
        )
        for _ in range(2):  # There may be but one batch, which compiles.
            model.evaluate(
                batches.distribute(reading, strategy),
                steps=min(_STEPS // 2, many),
                callbacks=[clock],
                verbose=0,
            )
        each = statistics.median(clock.test[1:])
        evaluating, compiling = many * each, compiling + clock.test[0] - each
    epochs = total / steps
    return {
        "epochs": epochs,
        "steps": steps,
        "step_seconds": step,
        "batch_size": min(batch_size, len(dataset.train)),
        "seconds": total * step
        + math.ceil(epochs) * evaluating
        + bool(total) * compiling,
    }


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
