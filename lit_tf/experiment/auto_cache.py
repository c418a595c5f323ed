"""`--teacher_cache=auto`: the measurements, and the choice of a run."""

import dataclasses
from collections.abc import Mapping

import keras

from lit_tf import data, errors
from lit_tf.config import cache_rules, method_table
from lit_tf.experiment import planned_epochs, student_training
from lit_tf.methods import stages
from lit_tf.teacher import cache_choice, cacheable, disk_speed
from lit_tf.training import devices, run_folder


def decided(
    pair: stages.Pair,
    dataset: data.Dataset,
    auxiliary_models: Mapping[str, keras.Model],
    folder: run_folder.RunFolder | None = None,
) -> stages.Pair:
    """Returns a pair whose cache is "off", "memory" or "disk", not "auto".

    A choice is printed and recorded in the run folder.

    Args:
        pair: teacher and student.
        dataset: the dataset.
        auxiliary_models: the models that belong to the teacher.
        folder: the run folder, whose choice a run that resumes repeats; None
            without one.
    """
    if pair.settings.frozen.teacher_cache != "auto":
        return pair
    choice = folder.pinned("teacher_cache") if folder else None
    if choice is None:
        choice, sentence = _choose(pair, dataset, auxiliary_models)
        print(f"cache     {sentence}", flush=True)
        if folder:
            folder.pin(teacher_cache=choice)
    return _with_cache(pair, choice)


def _with_cache(pair, choice):
    frozen = dataclasses.replace(pair.settings.frozen, teacher_cache=choice)
    settings = dataclasses.replace(pair.settings, frozen=frozen)
    return dataclasses.replace(pair, settings=settings)


def _choose(pair, dataset, auxiliary_models):
    """Returns the choice, and a sentence with its reason."""
    reason = _excluded(pair, dataset)
    if reason:
        return "off", f"no cache of the teacher's outputs: {reason}"
    on_disk = _with_cache(pair, "disk")
    need = student_training.teacher_cache(on_disk, dataset).need()
    if not need.fits:  # Before anything takes long.
        return "off", need.no_room
    try:
        disk = disk_speed.measure(pair.settings.session.teacher_cache_folder)
    except OSError as error:
        return "off", (
            f"no cache of the teacher's outputs: {need.place} cannot be "
            f"written to ({errors.line(error)})"
        )
    phases = _phases(pair, dataset, auxiliary_models, need)
    return cache_choice.choose(need, phases, disk)


def _excluded(pair, dataset):
    """Returns why there can be no cache; "" if there can be one."""
    compute = pair.settings.compute
    strategy = devices.strategy(compute.strategy)
    return cache_rules.excluded(pair.settings) or cacheable.excluded_from_auto(
        dataset,
        pair.teacher,
        pair.student,
        replicas=strategy.num_replicas_in_sync,
        compiled=devices.compiles(compute.jit_compile),
    )


def _phases(pair, dataset, auxiliary_models, need):
    """Measures the steps of the phases that would read a cache."""
    measured = planned_epochs.measure(
        dataclasses.replace(pair, student=pair.new_student()),
        dataset,
        auxiliary_models,
    )
    of_output = need.bytes_by_part["output"]
    of_all = sum(need.bytes_by_part.values())
    compares = method_table.get(pair.settings.method).compares
    return [
        cache_choice.Reading(
            steps=round(one["epochs"] * one["steps"]),
            step_seconds=one["step_seconds"],
            batch_size=one["batch_size"],
            example_bytes=of_all if compares and name == "lit" else of_output,
        )
        for name, each in measured.items()
        for one in each
    ]
