"""Settings of `lit_tf.compress`, from its arguments."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from lit_tf import config, data, errors, layers
from lit_tf.config import own_model
from lit_tf.data.dataset import Dataset
from lit_tf.experiment import paired
from lit_tf.outputs import Outputs

_UNKNOWN = (0, 0)  # The compute capability of a device.


def make(
    model: keras.Model,
    *,
    compression: float,
    keep: tuple[int, ...],
    sections: int,
    cuts: tuple[str, ...],
    epochs: int | None,
    budget: str,
    batch_size: int,
    optimizer: str | keras.optimizers.Optimizer,
    learning_rate: float,
    phase: Mapping[str, float],
    **given: Any,
) -> config.Compress:
    """Returns the settings of a compression of a user's model.

    Args:
        model: the model, whose name takes the place of a file.
        compression: as in `compression.compress`, like the others below.
        keep: number of blocks of each section; () for none.
        sections: number of sections; 0 for the default.
        cuts: names of layers; () for none.
        epochs: number of epochs; None or 0 for the default.
        budget: time of training; "" for none.
        batch_size: number of examples of a batch.
        optimizer: name of an optimizer, or the user's own.
        learning_rate: initial learning rate of phase lit.
        phase: further settings of both phases, by name.
        **given: further fields of `Compress`.

    Raises:
        SettingsError: if a value is not allowed.
    """
    if not (compression or keep):
        compression = 2.0
    named = isinstance(optimizer, str)
    errors.require(
        named or not (phase["clip_norm"] or phase["ema"]),
        "`clip_norm` and `ema` are for the optimizers by name. Set "
        "`global_clipnorm`, `use_ema` and `ema_momentum` of your own.",
        clip_norm=phase["clip_norm"],
        ema=phase["ema"],
    )
    phases = {
        name: dataclasses.replace(
            default,
            # A dataset has batches of its own (see `argument_checks`).
            batch_size=max(batch_size, phase["microbatches"]),
            optimizer=optimizer if named else default.optimizer,
            learning_rate=learning_rate
            * (default.learning_rate / own_model.LIT.learning_rate),
            **phase,
        )
        for name, default in (
            ("lit", own_model.LIT),
            ("fine_tune", own_model.FINE_TUNE),
        )
    }
    return config.Compress(
        teacher_weights=model.name,
        shrink=config.Shrink(
            compression=compression, keep=keep, sections=sections, cuts=cuts
        ),
        epochs=(epochs or 0) if epochs or budget else own_model.EPOCHS,
        budget=budget,
        fresh_batch_norm=True,
        **phases,
        **given,
    )


def augmented(
    dataset: Dataset,
    augmentation: config.Augmentation,
    outputs: Outputs,
    model: keras.Model,
) -> Dataset:
    """Returns a dataset whose training images vary.

    Args:
        dataset: the user's data.
        augmentation: how they are augmented.
        outputs: the kind of output.
        model: the user's model.

    Raises:
        SettingsError: if the data cannot vary so.
    """
    plain = paired.of_classes(outputs, model) and not outputs.loss
    classes = paired.class_count(model) if plain else 0
    return data.augmented.augmented(
        dataset, augmentation, classes=classes, image_layers=layers.ImageLayers
    )


def policy(dtype: str) -> str:
    """Returns a dtype policy; for "auto" a mixed one on a GPU fast in it."""
    if dtype != "auto":
        return dtype
    least = min(
        (
            tf.config.experimental.get_device_details(gpu).get(
                "compute_capability", _UNKNOWN
            )
            for gpu in tf.config.list_physical_devices("GPU")
        ),
        default=_UNKNOWN,
    )
    if least >= (8, 0):
        return "mixed_bfloat16"
    return "mixed_float16" if least >= (7, 0) else "float32"
