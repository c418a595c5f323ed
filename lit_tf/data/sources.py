"""Random-access sources: examples by number, read in worker threads.

A data source of TensorFlow Datasets, a Grain or ArrayRecord source, a data set
of Hugging Face or PyTorch, or an object of the user: anything with `len` and
`[i]`.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from lit_tf import errors
from lit_tf.data import class_weights, keyed_random, shares, streams
from lit_tf.utils import threads

_LABELS = ("label", "labels")


def of(
    data: Any,
    *,
    name: str,
    rank: int | None,
    batch_size: int,
    class_weight: Mapping[int, float] | None = None,
) -> "SourceStream":
    """Returns a source as batches of its examples.

    Args:
        data: the source.
        name: the name of the argument, for messages.
        rank: rank of a batch of the model's first input; None if unknown.
        batch_size: number of examples of a batch.
        class_weight: weight of the examples of each class number; None for 1.

    Raises:
        SettingsError: if the model takes inputs of another rank.
        DataError: if there are no examples, or the first ones cannot be read.
    """
    stream = SourceStream(
        data, name=name, batch_size=batch_size, class_weight=class_weight
    )
    first = tf.nest.flatten(stream.spec)[0].shape
    if rank is not None and first.rank != rank:
        raise errors.SettingsError(
            f"An input of `{name}` must have {rank - 1} dimensions, as the "
            f"model's has. Received: examples of shape {first[1:]}."
        )
    return stream


def is_source(data: Any) -> bool:
    """Returns whether data are examples by number, and no array or list."""
    known = isinstance(data, list | tuple | str | Mapping | tf.data.Dataset)
    by_number = hasattr(data, "__getitem__") and hasattr(data, "__len__")
    batches = hasattr(data, "on_epoch_end")  # A `PyDataset`.
    return by_number and not (known or batches or hasattr(data, "__array__"))


class SourceStream(streams.Stream):
    """Batches of a source, whose order is a function of (seed, epoch, step).

    Unlike another stream it begins at any step without reading what comes
    before, and a run that resumes reads the examples of an undisturbed run.

    Args:
        source: the examples: a tuple (inputs, label) or (inputs, label,
            weight), inputs alone, or a dictionary with the key `label` or
            `labels`. Lists are arrays, pictures of Pillow their pixels.
        name: the name of the argument, for messages.
        batch_size: number of examples of a batch. The last one of an epoch may
            be smaller.
        class_weight: weight of the examples of each class number, in training;
            None for 1.

    Raises:
        DataError: if there are no examples, or the first ones cannot be read.
    """

    def __init__(
        self,
        source: Any,
        *,
        name: str,
        batch_size: int,
        class_weight: Mapping[int, float] | None = None,
    ):
        self._source = source
        self._name = name
        self._examples = len(source)
        if not self._examples:
            raise errors.DataError(f"`{name}` has no examples.")
        self._form = None
        self._form = self._example(0)
        first = self._batch(np.arange(min(batch_size, self._examples)))
        self._weigh = None
        if class_weight:
            self._weigh = class_weights.weighted(class_weight, first)
        super().__init__(
            None,
            steps=-(-self._examples // batch_size),
            endless=False,
            first=first,
        )
        self.batch_size = batch_size

    def __len__(self) -> int:
        return self._examples

    @property
    def identity(self) -> str:
        digest = hashlib.sha256()
        for array in tf.nest.flatten(self.first):
            digest.update(np.ascontiguousarray(array))
        return f"{super().identity}; {digest.hexdigest()}"

    @property
    def spec(self) -> Any:
        return tf.nest.map_structure(
            lambda one: tf.TensorSpec([None, *one.shape[1:]], one.dtype),
            self.first,
        )

    def training(
        self, first_step: int, last_step: int, *, seed: int
    ) -> tf.data.Dataset:
        def part(step, places):
            epoch = tf.cast(step // self.steps, tf.int32)
            return self._read(
                keyed_random.order(places, seed, epoch, self._examples)
            )

        batches = self._parts(part, range(first_step, last_step))
        return batches.map(self._weigh) if self._weigh else batches

    def keeps_order(self) -> bool:
        return True

    def evaluation(self) -> tf.data.Dataset:
        return self._parts(
            lambda step, places: self._read(places), range(self.steps)
        )

    def _parts(self, part, steps):
        spans = shares.consecutive(self._examples, self.batch_size, self.steps)
        return shares.parts(part, spans, steps, shares.ALL)

    def _read(self, places):
        """Returns the examples at some places as tensors."""
        spec = tf.nest.flatten(self.spec)
        values = tf.numpy_function(
            lambda chosen: tf.nest.flatten(self._batch(chosen)),
            [places],
            [one.dtype for one in spec],
            stateful=False,
        )
        for value, one in zip(values, spec, strict=True):
            value.set_shape(one.shape)
        return tf.nest.pack_sequence_as(self.spec, values)

    def _batch(self, places):
        """Returns the examples at some places as arrays."""
        examples = list(threads.shared().map(self._example, places.tolist()))
        return tf.nest.map_structure(lambda *each: np.stack(each), *examples)

    def _example(self, number):
        """Returns an example as arrays of the form of the first one."""
        example = self._read_example(number)
        if self._form is None:
            return example
        try:
            return tf.nest.map_structure(_like, self._form, example)
        except (TypeError, ValueError) as error:
            raise errors.DataError(
                f"All examples of `{self._name}` must have the form of the "
                f"first. Received: another one as number {number:,} "
                f"({errors.line(error)})."
            ) from error

    def _read_example(self, number):
        try:
            return _arrays(self._source[number])
        except Exception as error:  # Code of the user raises any kind.
            raise errors.DataError(
                f"Example {number:,} of `{self._name}`, which has "
                f"{self._examples:,} by its length, cannot be read "
                f"({type(error).__name__}: {errors.line(error)})."
            ) from error


def _arrays(example):
    """Returns an example as arrays: inputs, or (inputs, label[, weight])."""
    if isinstance(example, Mapping):
        labels = [example[key] for key in _LABELS if key in example]
        inputs = {k: v for k, v in example.items() if k not in _LABELS}
        if len(inputs) == 1:
            (inputs,) = inputs.values()
        example = (inputs, *labels[:1]) if labels else inputs
    example = _nested(example)
    if isinstance(example, tuple) and len(example) == 3:
        inputs, label, weight = example
        example = inputs, label, weight.astype(np.float32)
    return example


def _nested(example):
    """Returns an example with arrays for all but dictionaries and tuples."""
    if isinstance(example, Mapping):
        return {key: _nested(part) for key, part in example.items()}
    if isinstance(example, tuple):
        return tuple(map(_nested, example))
    array = np.asarray(example)
    if array.dtype.kind == "U":
        return np.char.encode(array, "utf-8")
    is_picture = hasattr(example, "getbands")
    return array[..., np.newaxis] if is_picture and array.ndim == 2 else array


def _like(first, array):
    """Returns an array with the type of the first example's.

    Raises:
        TypeError: if it has another shape, or numbers that do not fit.
    """
    if array.shape != first.shape:
        raise TypeError(f"shape {array.shape} instead of {first.shape}")
    if first.dtype.kind == "S":  # Texts of any length.
        return array
    return array.astype(first.dtype, casting="same_kind", copy=False)
