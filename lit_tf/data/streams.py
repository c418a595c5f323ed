"""The user's own batches as a stream: read in the order in which they come."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from lit_tf import errors
from lit_tf.data import class_weights

_NO_END = "`{name}` has no end: pass `steps_per_epoch`."


class Stream:
    """Batches of examples that are read in their own order.

    Unlike a `Split`, a stream cannot select examples by number. A run that
    resumes within an epoch skips as many batches as it had read, which are the
    same ones only if the order does not change.

    Args:
        batches: the batches, (inputs, labels) or (inputs, labels, weights), or
            inputs alone.
        steps: number of batches of an epoch.
        endless: whether an epoch goes on where the one before it ended.
        first: the first batch, which a generator does not repeat.
    """

    def __init__(
        self,
        batches: tf.data.Dataset,
        *,
        steps: int,
        endless: bool,
        first: Any,
    ):
        self.batches = batches
        self.steps = steps
        self.endless = endless
        self.first = first
        self.batch_size = len(tf.nest.flatten(first)[0])

    def __len__(self) -> int:
        """The number of examples of an epoch, if all batches are whole."""
        return self.steps * self.batch_size

    @property
    def spec(self) -> Any:
        """The form of a batch, a `tf.TensorSpec` for each tensor."""
        return self.batches.element_spec

    @property
    def identity(self) -> str:
        """What is known of the batches before they are read, for a hash."""
        return f"{self.steps} × {self.batch_size}, {self.spec}"

    def training(
        self, first_step: int, last_step: int, *, seed: int
    ) -> tf.data.Dataset:
        """Returns the batches from one step to another, epoch after epoch.

        Args:
            first_step: number of the first step, counted from 0 at epoch 0.
            last_step: number of the step before which to end.
            seed: seed of the order; not read, because the batches have their
                own.
        """
        del seed
        following = self.batches
        if not self.endless:
            skipped = first_step % self.steps
            following = self.batches.repeat()
            if skipped:
                following = self.batches.skip(skipped).concatenate(following)
        return following.take(last_step - first_step).prefetch(tf.data.AUTOTUNE)

    def keeps_order(self) -> bool:
        """Returns whether the first batch is the same when read again."""
        if self.endless:
            return False
        again = tf.nest.flatten(next(iter(self.batches)))
        first = tf.nest.flatten(self.first)
        return all(
            np.array_equal(one, other)
            for one, other in zip(first, again, strict=False)
        )

    def evaluation(self) -> tf.data.Dataset:
        """Returns the batches of one epoch."""
        return self.batches.take(self.steps).prefetch(tf.data.AUTOTUNE)


def of(
    data: Any,
    *,
    name: str,
    rank: int | None = None,
    batch_size: int = 32,
    steps: int | None = None,
    shuffled: bool = False,
    class_weight: Mapping[int, float] | None = None,
) -> Stream:
    """Returns data that `keras.Model.fit` takes as a stream.

    Args:
        data: a batched `tf.data.Dataset`; a `keras.utils.PyDataset`; a
            generator of batches; or a tuple of arrays (inputs, labels) or
            (inputs, labels, weights), or inputs alone.
        name: the name of the argument, for messages.
        rank: rank of a batch of the model's first input; None if unknown.
        batch_size: number of examples of a batch of arrays.
        steps: number of batches of an epoch; None for all.
        shuffled: whether arrays are shuffled in every epoch.
        class_weight: weight of the examples of each class number; None for 1.

    Raises:
        SettingsError: if the data are not batched, have no rank, or have no
            end and `steps` is None.
        DataError: if there is no batch.
    """
    if isinstance(data, tf.data.Dataset):
        batches = data
    elif _is_sequence(data):
        batches = _of_sequence(data, name)
    elif hasattr(data, "__next__"):
        return _of_generator(data, name, rank, steps, class_weight)
    else:
        batches = _of_arrays(data, name, batch_size, shuffled)
    first = next(iter(batches), None)
    if first is None:
        raise errors.DataError(f"`{name}` has no batches.")
    check_form(batches.element_spec, name, rank)
    endless = batches.cardinality() == tf.data.INFINITE_CARDINALITY
    errors.require(
        not endless or bool(steps),
        _NO_END.format(name=name),
        steps_per_epoch=steps,
    )
    if steps and not endless:  # Keras does not begin anew in every epoch.
        batches, endless = batches.repeat(), True
    return Stream(
        class_weights.applied(batches, class_weight, first),
        steps=steps or _count(batches, name),
        endless=endless,
        first=first,
    )


def _is_sequence(data):
    """Returns whether data are a `PyDataset`: items by number, epoch ends."""
    return hasattr(data, "__getitem__") and hasattr(data, "on_epoch_end")


def _of_sequence(sequence, name):
    if not len(sequence):
        raise errors.DataError(f"`{name}` has no batches.")

    def generate():
        for number in range(len(sequence)):
            yield without_lists(sequence[number])
        sequence.on_epoch_end()

    batches = tf.data.Dataset.from_generator(
        generate, output_signature=_form(without_lists(sequence[0]))
    )
    return batches.apply(tf.data.experimental.assert_cardinality(len(sequence)))


def _of_generator(generator, name, rank, steps, class_weight):
    errors.require(
        bool(steps), _NO_END.format(name=name), steps_per_epoch=steps
    )
    first = next(generator, None)
    if first is None:
        raise errors.DataError(f"`{name}` has no batches.")
    first = without_lists(first)
    # A generator does not go back to the batch that was looked at.
    rest = itertools.chain([first], map(without_lists, generator))
    batches = tf.data.Dataset.from_generator(
        lambda: rest, output_signature=_form(first)
    )
    check_form(batches.element_spec, name, rank)
    return Stream(
        class_weights.applied(batches, class_weight, first),
        steps=steps,
        endless=True,
        first=first,
    )


def _form(batch):
    """Returns the form of batches of any size."""
    return tf.nest.map_structure(
        lambda one: tf.TensorSpec([None, *np.shape(one)[1:]], _dtype(one)),
        batch,
    )


def _dtype(one):
    return tf.as_dtype(np.asarray(one).dtype)


def without_lists(batch: Any) -> Any:
    """Returns a batch with tuples for lists, as `tf.data` nests tensors."""
    if isinstance(batch, Mapping):
        return {key: without_lists(one) for key, one in batch.items()}
    if isinstance(batch, list | tuple):
        return tuple(map(without_lists, batch))
    return batch


def _of_arrays(data, name, batch_size, shuffled):
    errors.require(
        not callable(data),
        f"`{name}` must be data. Call the function: {name}().",
        **{name: data},
    )
    try:
        arrays = tf.nest.map_structure(np.asarray, without_lists(data))
        examples = tf.data.Dataset.from_tensor_slices(arrays)
    except (TypeError, ValueError) as error:
        raise errors.SettingsError(
            f"`{name}` must be what `keras.Model.fit` takes: a batched "
            "tf.data.Dataset, a PyDataset, a generator of batches, or arrays "
            f"(inputs, labels) of one length ({errors.line(error)})."
        ) from error
    if not len(examples):
        raise errors.DataError(f"`{name}` has no examples.")
    if shuffled:
        examples = examples.shuffle(len(examples))
    return examples.batch(batch_size)


def check_form(form: Any, name: str, rank: int | None) -> None:
    """Refuses what are no batches.

    Args:
        form: the form of a batch, a `tf.TensorSpec` for each tensor.
        name: the name of the argument, for messages.
        rank: rank of a batch of the model's first input; None if unknown.

    Raises:
        SettingsError: if they have no rank or another one.
    """
    specs = tf.nest.flatten(form)
    for spec in specs:
        errors.require(
            spec.shape.rank is not None,
            f"Batches of `{name}` must have a known rank: set the shape of "
            "what a function of Python returns with `tf.ensure_shape`.",
            shape=spec.shape,
        )
    first = specs[0].shape
    if rank is not None and first.rank == rank - 1:
        raise errors.SettingsError(
            f"`{name}` must hold batches, [batch, ...]: call "
            f"`.batch(32)`. Received: examples of shape {first}."
        )


def _count(batches, name):
    """Returns the number of batches of finite data."""
    count = int(batches.cardinality())
    if count == tf.data.UNKNOWN_CARDINALITY:
        print(f"{name}: counting the batches of an epoch", flush=True)
        count = sum(1 for _ in batches)
    return count
