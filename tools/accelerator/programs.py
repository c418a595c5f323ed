"""Writes training on an accelerator as XLA programs, which need no TensorFlow.

A program is one function of `tf.function`, compiled to HLO: its file
`NAME.hlo.xz` runs under any XLA runtime, such as that of JAX (`run.py`).
`NAME.json` names its parameters and results, and `NAME.npz` holds the first
values of its variables, unless a run supplies them.
"""

import json
import lzma
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf.data import crops
from lit_tf.methods.trainer import Trainer


def write(
    path: pathlib.Path,
    function: Callable[..., Mapping[str, tf.Tensor]],
    arguments: Mapping[str, Any],
    variables: Mapping[str, keras.Variable],
    *,
    keep_values: Callable[[str], bool],
) -> None:
    """Writes a function as a program.

    Args:
        path: the path of its files, without a suffix.
        function: a function of tensors with the names of `arguments` that
            returns tensors by name. It may read and assign variables.
        arguments: arrays or `tf.TensorSpec` of the arguments, by name.
        variables: the variables that it uses, by name.
        keep_values: whether the value of a variable, given by name, is stored
            with the program.
    """
    names = list(arguments)
    compiled = tf.function(
        lambda *tensors: function(**dict(zip(names, tensors, strict=True))),
        jit_compile=True,
        autograph=False,
    )
    tensors = [
        value
        if isinstance(value, tf.TensorSpec)
        else tf.TensorSpec(np.shape(value), np.asarray(value).dtype)
        for value in arguments.values()
    ]
    traced = compiled.get_concrete_function(*tensors)
    by_handle = {id(v.value.handle): name for name, v in variables.items()}
    parameters = [["argument", name] for name in names]
    constants = {}
    for captured in traced.captured_inputs:
        if captured.dtype == tf.resource:
            parameters.append(["variable", by_handle[id(captured)]])
        else:
            name = f"constant_{len(constants)}"
            constants[name] = captured.numpy()
            parameters.append(["constant", name])
    code = compiled.experimental_get_compiler_ir(*tensors)(
        stage="hlo_serialized"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".hlo.xz").write_bytes(lzma.compress(code))
    shapes = {
        name: [list(v.shape), v.dtype]
        for name, v in variables.items()
        if ["variable", name] in parameters
    }
    facts = {
        "parameters": parameters,
        # `tf.nest` sorts the keys of a dictionary.
        "results": sorted(traced.structured_outputs),
        "variables": shapes,
    }
    path.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")
    kept = {n: variables[n].numpy() for n in shapes if keep_values(n)}
    np.savez(path.with_suffix(".npz"), **stored(constants | kept))


def stored(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns arrays as NumPy stores them: bfloat16 as its bits."""
    return {
        name: a.view(np.uint16) if a.dtype.name == "bfloat16" else a
        for name, a in arrays.items()
    }


def variables_of(trainer: Trainer) -> dict[str, keras.Variable]:
    """Returns all variables of a compiled trainer by group and number."""
    groups = {
        "student": trainer.student.variables,
        "optimizer": trainer.optimizer.variables,
    }
    if trainer.teacher is not None:
        groups["teacher"] = trainer.frozen.variables
    groups["other"] = [*trainer.variables, *trainer.metrics_variables]
    named, seen = {}, set()
    for group, variables in groups.items():
        for number, variable in enumerate(variables):
            if id(variable) not in seen:
                seen.add(id(variable))
                named[f"{group}/{number}"] = variable
    return named


def write_epoch(
    path: pathlib.Path,
    trainer: Trainer,
    *,
    inputs: np.ndarray,
    labels: np.ndarray,
    batch_size: int,
    crop: crops.Crop,
) -> None:
    """Writes an epoch of a compiled trainer as a program.

    Args:
        path: the path of its files, without a suffix.
        trainer: the trainer, compiled.
        inputs: images, `[examples, height, width, channels]`.
        labels: labels, `[examples]`.
        batch_size: number of examples of a step; the last may have fewer.
        crop: padding and flips of the images.
    """
    examples = len(inputs)
    write(
        path,
        epoch(trainer, examples, batch_size, crop),
        {
            "inputs": tf.TensorSpec(inputs.shape, inputs.dtype),
            "labels": tf.TensorSpec(labels.shape, labels.dtype),
            "order": tf.TensorSpec([examples], tf.int32),
            "draws": tf.TensorSpec([3, examples], tf.int32),
            "rates": tf.TensorSpec([-(-examples // batch_size)], tf.float32),
        },
        variables_of(trainer),
        keep_values=lambda name: not name.startswith("student/"),
    )


def epoch(
    trainer: Trainer, examples: int, batch_size: int, crop: crops.Crop
) -> Callable[..., dict[str, tf.Tensor]]:
    """Returns the function of an epoch, whose steps are `train_step`.

    Args:
        trainer: the trainer, compiled.
        examples: number of examples of the epoch.
        batch_size: number of examples of a step; the last may have fewer.
        crop: padding and flips of the images.

    Returns:
        A function of all images and labels, their order and random integers
        (`orders.py`), and the learning rate of each step. It returns the
        metrics, and the variables of student and optimizer, by name.
    """
    variables = variables_of(trainer)
    metrics = [*trainer.term_metrics, *trainer.output_metrics]
    steps, rest = divmod(examples, batch_size)

    def step(chosen, draws, rate, inputs, labels):
        trainer.optimizer.learning_rate.assign(rate)
        images = crop(tf.gather(inputs, chosen), lambda number: draws[number])
        trainer.train_step((images, tf.gather(labels, chosen)))

    def run(inputs, labels, order, draws, rates):
        for metric in trainer.metrics:
            metric.reset_state()

        def body(number):
            first = number * batch_size
            step(
                tf.slice(order, [first], [batch_size]),
                tf.slice(draws, [0, first], [3, batch_size]),
                rates[number],
                inputs,
                labels,
            )
            return (number + 1,)

        tf.while_loop(lambda number: number < steps, body, (tf.constant(0),))
        if rest:
            first = steps * batch_size
            step(order[first:], draws[:, first:], rates[steps], inputs, labels)
        results = {f"metric/{m.name}": m.result() for m in metrics}
        return results | {
            name: tf.identity(variable.value)
            for name, variable in variables.items()
            if not name.startswith("teacher/")
        }

    return run


def write_accuracy(
    path: pathlib.Path,
    student: keras.Model,
    *,
    inputs: np.ndarray,
    labels: np.ndarray,
) -> None:
    """Writes the accuracy of a classifier on images as a program."""

    def accuracy(inputs, labels):
        logits = student(inputs, training=False)
        right = tf.argmax(logits, -1, tf.int32) == tf.cast(labels, tf.int32)
        return {"accuracy": tf.reduce_mean(tf.cast(right, tf.float32))}

    write(
        path,
        accuracy,
        {
            "inputs": tf.TensorSpec(inputs.shape, inputs.dtype),
            "labels": tf.TensorSpec(labels.shape, labels.dtype),
        },
        {f"student/{n}": v for n, v in enumerate(student.variables)},
        keep_values=lambda name: False,
    )
