"""What a user passes as `train` and `validation_data`, as a dataset."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from lit_tf import errors
from lit_tf.data import (
    batches,
    crops,
    held_out,
    own_arrays,
    sources,
    streams,
)
from lit_tf.data.dataset import Dataset, Split, named_arrays
from lit_tf.data.streams import Stream

_LABELS = 1024  # Labels from which the kind of output is derived.


def read(
    train: Any,
    validation_data: Any = None,
    *,
    rank: int | None,
    batch_size: int,
    steps: int | None = None,
    validation_steps: int | None = None,
    validation_split: float = 0.0,
    class_weight: Mapping[int, float] | None = None,
) -> Dataset:
    """Returns a user's data as a dataset without a test split.

    Arrays of inputs and labels are read by number, and so is a source of
    examples (`sources`), so that a run resumes exactly; everything else is read
    as a stream of batches.

    Args:
        train: what `keras.Model.fit` takes (see `streams.of`).
        validation_data: likewise; None for none, or for a part of `train`.
        rank: rank of a batch of the model's input; None for several inputs.
        batch_size: number of examples of a batch of arrays.
        steps: number of training batches of an epoch; None for all.
        validation_steps: number of validation batches; None for all.
        validation_split: fraction of the examples in arrays that validates if
            there are no `validation_data`.
        class_weight: weight of the examples of each class; None for 1.

    Raises:
        SettingsError: if the data have another form.
        DataError: if there are no examples.
    """
    train = own_arrays.of_one_length("train", train)
    validation_data = own_arrays.of_one_length(
        "validation_data", validation_data
    )
    if validation_data is None and validation_split:
        train, validation_data = _divided(train, validation_split)
    splits = None
    if not (steps or validation_steps or class_weight):
        splits = _splits(train, validation_data)
    if splits is None:
        how = {"rank": rank, "batch_size": batch_size}
        examples = _stream(
            train,
            name="train",
            steps=steps,
            shuffled=True,
            class_weight=class_weight,
            **how,
        )
        validation = None
        if validation_data is not None:
            validation = _stream(
                validation_data,
                name="validation_data",
                steps=validation_steps,
                **how,
            )
        splits = examples, validation
    examples, validation = splits
    return Dataset(
        name="own data",
        train=examples,
        validation=validation,
        test=None,
        classes=(),
        stem={},
        crop=crops.Crop(),
    )


def preprocessed(data: Any, preprocessor: Callable[..., Any] | None) -> Any:
    """Returns texts as the inputs that a preprocessor makes of them.

    Args:
        data: what `keras.Model.fit` takes.
        preprocessor: that of a model of KerasHub, which `fit` and `predict`
            apply there; None for none.

    Returns:
        The data; unchanged if they are no dataset or arrays of strings.
    """
    if preprocessor is None:
        return data
    data = own_arrays.of_lists(data)
    if isinstance(data, tf.data.Dataset):
        first, *_ = tf.nest.flatten(data.element_spec)
        return data.map(preprocessor) if first.dtype is tf.string else data
    inputs, *others = data if isinstance(data, tuple | list) else (data,)
    if not isinstance(inputs, np.ndarray) or inputs.dtype.kind not in "OSU":
        return data
    inputs = tf.nest.map_structure(np.asarray, preprocessor(inputs))
    return (inputs, *others) if others else inputs


def fingerprint(dataset: Dataset) -> str:
    """Returns a hash of arrays; of streams their form and length.

    Of a source of examples by number the first batch counts too.
    """
    if isinstance(dataset.train, Split):
        return dataset.fingerprint
    streamed = [one for one in (dataset.train, dataset.validation) if one]
    form = "; ".join(one.identity for one in streamed)
    return hashlib.sha256(form.encode()).hexdigest()[:16]


def first_labels(examples: Split | Stream) -> Any:
    """Returns the labels of the first batch; None if there are none."""
    if isinstance(examples, Split):
        none = examples.labels.shape[1:] == (0,)
        return None if none else examples.labels[:_LABELS]
    batch = examples.first
    return batch[1] if isinstance(batch, tuple) and len(batch) > 1 else None


def first_inputs(dataset: Dataset) -> Any:
    """Returns the inputs of one training example, `[1, ...]`."""
    return inputs_of_one(dataset.train)


def inputs_of_one(examples: Split | Stream) -> Any:
    """Returns the inputs of one example, `[1, ...]`."""
    if isinstance(examples, Split):
        return tf.nest.map_structure(tf.constant, examples.read(0, 1))
    batch = examples.first
    inputs = batch[0] if isinstance(batch, tuple) else batch
    return tf.nest.map_structure(lambda one: tf.constant(one[:1]), inputs)


def check_inputs(model: Any, dataset: Dataset) -> None:
    """Checks that a model can be called on the data.

    Args:
        model: a `keras.Model`.
        dataset: the user's data.

    Raises:
        SettingsError: if it cannot.
    """
    parts = {"train": dataset.train, "validation_data": dataset.validation}
    for name, examples in parts.items():
        if examples is None:
            continue
        try:
            model(inputs_of_one(examples), training=False)
        except Exception as error:  # A layer may raise anything.
            raise errors.SettingsError(
                f"{model.name} cannot be called on the first examples of "
                f"`{name}` ({errors.cause(error)})."
            ) from error


def checked_batches(dataset: Dataset, batch_size: int) -> Iterable[Any]:
    """Returns the batches on which the model is checked before training.

    They are those of validation, or without it of training: of data without an
    end the first one, which a generator would not repeat.
    """
    examples = dataset.validation or dataset.train
    if isinstance(examples, Stream) and examples.endless:
        return [tf.nest.map_structure(tf.constant, examples.first)]
    return evaluation_batches(examples, batch_size)


def evaluation_batches(
    examples: Split | Stream, batch_size: int
) -> tf.data.Dataset:
    """Returns the batches of a split or a stream once, in their order."""
    if isinstance(examples, Stream):
        return examples.evaluation()
    return batches.evaluation(examples, batch_size=batch_size)


def _stream(data, *, shuffled=False, **how):
    """Returns data as a stream; a source by number as one that begins anywhere.

    Args:
        data: the data.
        shuffled: whether arrays are shuffled in every epoch.
        **how: further arguments of `streams.of`.
    """
    if not sources.is_source(data):
        return streams.of(data, shuffled=shuffled, **how)
    errors.require(
        not how.pop("steps"),
        "`steps_per_epoch` and `validation_steps` are for data without "
        "numbered examples.",
        data=type(data).__name__,
    )
    return sources.of(data, **how)


def _divided(train, fraction):
    """Returns arrays to train on and to validate on.

    Other data are returned as they are, with None to validate on.
    """
    if not isinstance(train, np.ndarray | Mapping | tuple | list):
        return train, None
    try:
        arrays = tf.nest.map_structure(np.asarray, train)
        places = np.arange(len(tf.nest.flatten(arrays)[0]))
        whole = Split(places, np.zeros((len(places), 0)))
    except TypeError:  # Not arrays: refused later.
        return train, None
    kept, validation = held_out.divide(whole, seed=0, validation_split=fraction)
    if validation is None:
        return train, None
    return tuple(
        tf.nest.map_structure(lambda x, part=part: x[part.inputs], arrays)
        for part in (kept, validation)
    )


def _splits(train, validation_data):
    """Returns training and validation arrays; None for other data."""
    examples = _split("train", train)
    if examples is None or validation_data is None:
        return examples and (examples, None)
    validation = _split("validation_data", validation_data)
    return None if validation is None else (examples, validation)


def _split(name, data):
    """Returns a pair of arrays as a split; None for other data."""
    if isinstance(data, np.ndarray | Mapping):  # Inputs alone.
        count = len(tf.nest.flatten(data)[0])
        data = data, np.zeros((count, 0), np.float32)
    if not isinstance(data, tuple | list) or len(data) != 2:
        return None
    inputs, labels = data
    if tf.nest.is_nested(labels):
        return None
    try:
        arrays = tf.nest.map_structure(_array, inputs)
        split = Split(arrays, _array(labels))
    except (TypeError, ValueError, errors.DataError) as error:
        raise errors.SettingsError(
            f"`{name}` must be arrays (inputs, labels) of one length, or "
            "batches as `keras.Model.fit` takes them "
            f"({errors.line(error)})."
        ) from error
    if not len(split):
        raise errors.DataError(f"`{name}` has no examples.")
    for key, array in named_arrays(split.inputs):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise errors.DataError(
                f"The inputs{f' {key!r}' if key else ''} of `{name}` must be "
                "finite. Received: an infinite value or NaN."
            )
    return split


def _array(values):
    """Returns an array of numbers or texts, never one of Python objects."""
    array = np.asarray(values)
    if array.dtype == object:  # As pandas stores them.
        array = np.array(array.tolist())
    return array
