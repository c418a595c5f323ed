"""Checks of the arguments of `lit_tf.compress`."""

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from lit_tf import config, errors
from lit_tf.data import own_data
from lit_tf.data.dataset import Dataset, Split
from lit_tf.experiment import paired
from lit_tf.methods import gradients
from lit_tf.outputs import Outputs
from lit_tf.sections import data_form, structure

_NUMBER = (numbers.Real, "a number")
_WHOLE = (numbers.Integral, "a whole number")
_MAPPING = (Mapping, "a dictionary of weights by class number")
# The types of arguments, and the types in words.
_TYPES = {
    "compression": _NUMBER,
    "sections": _WHOLE,
    "epochs": _WHOLE,
    "budget": (str, "text, such as '30min'"),
    "batch_size": _WHOLE,
    "microbatches": _WHOLE,
    "steps_per_epoch": _WHOLE,
    "validation_steps": _WHOLE,
    "validation_split": _NUMBER,
    "learning_rate": _NUMBER,
    "clip_norm": _NUMBER,
    "ema": _NUMBER,
    "label_smoothing": _NUMBER,
    "class_weight": _MAPPING,
    "augmentation": (config.Augmentation, "a lit_tf.config.Augmentation"),
    "optimizer": (
        (str, keras.optimizers.Optimizer),
        "the name of an optimizer, or an optimizer of Keras",
    ),
}
# What may be None, as in `keras.Model.fit`.
_OPTIONAL = {
    "compression",
    "sections",
    "epochs",
    "batch_size",
    "steps_per_epoch",
    "validation_steps",
    "class_weight",
}
_SETS_RATES = (
    keras.callbacks.LearningRateScheduler,
    keras.callbacks.ReduceLROnPlateau,
)


def check_types(**received: Any) -> None:
    """Checks the types of arguments that no dataclass of settings checks.

    Args:
        **received: arguments of `compression.compress`, by name.

    Raises:
        SettingsError: if one has another type.
    """
    received = {
        name: value
        for name, value in received.items()
        if value is not None or name not in _OPTIONAL
    }
    for name, value in received.items():
        kinds, text = _TYPES[name]
        errors.require(
            isinstance(value, kinds) and not isinstance(value, bool),
            f"`{name}` must be {text}.",
            **{name: value},
        )
    for name in {"batch_size", "microbatches"} & received.keys():
        errors.require(
            received[name] >= 1,
            f"`{name}` must be at least 1.",
            **{name: received[name]},
        )


def check_callbacks(
    callbacks: Sequence[keras.callbacks.Callback],
    optimizer: str | keras.optimizers.Optimizer,
    ema: float,
) -> None:
    """Checks that no callback does what a phase does.

    Args:
        callbacks: the user's callbacks.
        optimizer: the optimizer, or the name of one.
        ema: momentum of the averages of weights; 0 for none.

    Raises:
        SettingsError: if one does.
    """
    averaged = ema or getattr(gradients.inner(optimizer), "use_ema", False)
    for callback in callbacks:
        errors.require(
            not (averaged and getattr(callback, "restore_best_weights", False)),
            "Averages of the weights are returned, and the best ones are kept "
            "without `restore_best_weights`. Set it to False.",
            callback=type(callback).__name__,
        )
        errors.require(
            not isinstance(callback, keras.callbacks.SwapEMAWeights),
            "Averages of the weights are validated without SwapEMAWeights. "
            "Leave it out.",
            callback=type(callback).__name__,
        )
        errors.require(
            not isinstance(optimizer, str)
            or not isinstance(callback, _SETS_RATES),
            f"{type(callback).__name__} sets the learning rate, which warm-up "
            "and cosine decay set too. Pass an optimizer of your own, such as "
            "optimizer=keras.optimizers.AdamW(1e-3).",
            optimizer=optimizer,
        )


def check_microbatches(
    microbatches: int, batch_size: int, dataset: Dataset
) -> None:
    """Checks that a batch has an example for each of its parts.

    Args:
        microbatches: the number of parts.
        batch_size: number of examples of a batch of arrays.
        dataset: the user's data.

    Raises:
        SettingsError: if it has fewer.
    """
    size = getattr(dataset.train, "batch_size", batch_size)
    errors.require(
        microbatches <= size,
        f"`microbatches` must be at most the {size} examples of a batch.",
        microbatches=microbatches,
    )


def check_inputs(
    model: keras.Model, dataset: Dataset, validation_data: Any
) -> None:
    """Checks that a model can be called on the data.

    Args:
        model: the model.
        dataset: the user's data. All examples in arrays are looked at; of other
            data the first.
        validation_data: what the user passed; None for a part of `train`.

    Raises:
        SettingsError: if it cannot.
    """
    given = "train" if validation_data is None else "validation_data"
    for argument, examples in (
        ("train", dataset.train),
        (given, dataset.validation),
    ):
        if isinstance(examples, Split):
            inputs = examples.inputs
            known = structure.by_name(model, inputs)
            if known.keys() == {*structure.names_of(model)}:
                data_form.check_values(model, f"`{argument}`", inputs)
    own_data.check_inputs(model, dataset)


def check_labels(dataset: Dataset, outputs: Outputs) -> None:
    """Checks that there are labels to validate on, if the loss reads some.

    Args:
        dataset: the user's data.
        outputs: the kind of output.

    Raises:
        SettingsError: if there are none.
    """
    if dataset.validation is None or not outputs.reads_labels:
        return
    errors.require(
        own_data.first_labels(dataset.validation) is not None,
        "`validation_data` must have labels, as `train` has.",
        validation_data="inputs alone",
    )


def check_class_weight(
    class_weight: Mapping[int, float] | None,
    outputs: Outputs,
    model: keras.Model,
) -> None:
    """Checks that each weight is that of a class which the model knows.

    Args:
        class_weight: weights by class number; None for none.
        outputs: the kind of output.
        model: the model, which returns logits.

    Raises:
        SettingsError: if one is not.
    """
    if not class_weight:
        return
    errors.require(
        paired.of_classes(outputs, model),
        "`class_weight` is for a model of exclusive classes. Weigh the "
        "examples of another one: pass (inputs, labels, weights).",
        class_weight=class_weight,
    )
    count = paired.class_count(model)
    unknown = [number for number in class_weight if number not in range(count)]
    errors.require(
        not unknown,
        f"`class_weight` must have class numbers from 0 to {count - 1}.",
        class_weight=class_weight,
    )
