"""Checks of the labels that `fit` and `evaluate` receive.

Labels of arrays are checked before anything is computed, and those of a
`tf.data.Dataset`, a `PyDataset` or a generator batch by batch, before a step
reads them.
"""

import contextlib
import inspect
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from lit_tf import errors
from lit_tf.outputs import Outputs
from lit_tf.outputs.label_faults import Fault
from lit_tf.sections import structure

_CHUNK = 2**20  # Numbers of labels that are checked at once.
_ASSERTED = re.compile(r"assertion failed: \[(.*?)\] \[(.*?)\]+(?:\s|$)", re.S)
_KERNEL = re.compile(
    r"Received a label value of (-?\d+) which is outside the valid range of "
    r"\[0, (\d+)\)"
)


def checked(trainer: keras.Model, x: Any, y: Any) -> tuple[Any, Any]:
    """Checks labels now, or returns data that are checked as they are read.

    Args:
        trainer: a trainer, whose `outputs` finds the faults.
        x: inputs, or a source of batches with labels.
        y: labels, `[examples, ...]`; None if `x` holds them.

    Returns:
        The inputs, or the source of checked batches, and the labels.

    Raises:
        SettingsError: if labels do not fit the kind of output.
    """
    found = getattr(type(trainer.outputs), "label_faults", None)
    has_faults = found not in (None, Outputs.label_faults)
    if not has_faults or not getattr(trainer.student, "outputs", None):
        return x, y
    if y is not None:
        _check_arrays(trainer, y)
    elif isinstance(x, tf.data.Dataset):
        spec = x.element_spec
        if isinstance(spec, tuple) and len(spec) > 1 and _are_dense(spec[1]):
            x = x.map(_check_batch(trainer))
    elif isinstance(x, keras.utils.PyDataset) and not x.use_multiprocessing:
        return _CheckedBatches(trainer, x), y
    elif inspect.isgenerator(x):
        return _check_each(trainer, x), y
    return x, y


def checked_pair(trainer: keras.Model, data: Any) -> Any:
    """Checks validation data: a source of batches, or (inputs, labels, …).

    Arguments and errors are those of `checked`.
    """
    if not isinstance(data, tuple):
        return checked(trainer, data, None)[0]
    if len(data) > 1 and data[1] is not None:
        checked(trainer, *data[:2])
    return data


@contextlib.contextmanager
def in_one_sentence() -> Iterator[None]:
    """Raises TensorFlow's error about a label as a `SettingsError`."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        message = _sentence(str(error))
        if message is None:
            raise
        raise errors.SettingsError(message) from None


def _sentence(text):
    """Returns an error's text about labels as one sentence; None if none."""
    if found := _ASSERTED.search(text):
        return _refusal(found[1], found[2])
    if found := _KERNEL.search(text):
        return (
            f"Labels must be class numbers, 0 to {int(found[2]) - 1}. "
            f"Received: {found[1]}."
        )
    found = re.search(r"SettingsError: (.*)", text)
    return found and found[1]


def _refusal(sentence, received):
    return f"{sentence} Received: {received.strip('[]').rstrip('.')}."


def _are_dense(spec):
    flat = tf.nest.flatten(spec)
    return all(isinstance(one, tf.TensorSpec) for one in flat)


def _faults(outputs, model, y) -> Sequence[Fault]:
    try:
        y = keras.tree.map_structure(tf.convert_to_tensor, y)
    except (TypeError, ValueError):
        return ()  # Keras says what is wrong.
    if any(one.dtype == tf.string for one in keras.tree.flatten(y)):
        raise errors.SettingsError(
            "Labels must be numbers. Received: strings. Number the classes "
            "from 0, for example with keras.layers.StringLookup("
            "num_oov_indices=0)."
        )
    return outputs.label_faults(y, structure.outputs_of(model))


def _check_arrays(trainer, y):
    flat = keras.tree.flatten(y)
    if not all(len(getattr(one, "shape", ())) for one in flat):
        return  # Keras says what is wrong.
    largest = max(math.prod(one.shape[1:]) for one in flat)
    count = max(1, _CHUNK // max(1, largest))
    for start in range(0, len(flat[0]), count):
        part = keras.tree.map_structure(
            lambda one, start=start: one[start : start + count], y
        )
        check(trainer.outputs, trainer.student, part)


def check(outputs: Outputs, model: keras.Model, y: Any) -> None:
    """Checks the labels of a batch.

    Args:
        outputs: the kind of output, which finds the faults.
        model: functional or sequential.
        y: labels, `[batch, ...]`, nested as the outputs.

    Raises:
        SettingsError: if they do not fit the kind of output.
    """
    for fault in _faults(outputs, model, y):
        if fault.present:
            raise errors.SettingsError(
                _refusal(fault.sentence, str(fault.received.numpy()))
            )


def _check_batch(trainer):
    """Returns a function of a batch, whose reading fails if a label is wrong.

    AutoGraph does not convert it, which would wrap errors about shapes.
    """

    @tf.autograph.experimental.do_not_convert
    def checked(*batch):
        asserts = [
            tf.debugging.Assert(
                ~fault.present, [fault.sentence, fault.received]
            )
            for fault in _faults(trainer.outputs, trainer.student, batch[1])
        ]
        with tf.control_dependencies(asserts):
            labels = keras.tree.map_structure(tf.identity, batch[1])
        return (batch[0], labels, *batch[2:])

    return checked


def _check_each(trainer, batches):
    for batch in batches:
        yield _checked_now(trainer, batch)


def _checked_now(trainer, batch):
    if isinstance(batch, tuple) and len(batch) > 1:
        check(trainer.outputs, trainer.student, batch[1])
    return batch


class _CheckedBatches(keras.utils.PyDataset):
    """The batches of another `PyDataset`, checked as they are read."""

    def __init__(self, trainer, source):
        super().__init__(
            workers=source.workers, max_queue_size=source.max_queue_size
        )
        self._trainer = trainer
        self._source = source

    @property
    def num_batches(self):
        return self._source.num_batches

    def __getitem__(self, i):
        return _checked_now(self._trainer, self._source[i])

    def on_epoch_begin(self):
        self._source.on_epoch_begin()

    def on_epoch_end(self):
        self._source.on_epoch_end()
