"""The teacher's answers that are kept, as batches get them."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from lit_tf.teacher import frozen


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kept:
    """The answers to a split; called, it gives a batch those that belong to it.

    Args:
        seed: of the variations.
        views: how many each example has.
        representations: `[views, examples, ...]` by k = 1 … K.
        output: `[views, examples, classes]`.
    """

    seed: int
    views: int
    representations: Mapping[int, np.ndarray]
    output: np.ndarray

    def __call__(
        self, inputs: tf.Tensor, view: tf.Tensor, examples: tf.Tensor
    ) -> frozen.TeacherBatch:
        """Returns a batch with its answers.

        Args:
            inputs: `[batch, ...]`, a view of some examples.
            view: which one, a scalar.
            examples: `[batch]`, their places in the split.
        """
        arrays = [*self.representations.values(), self.output]

        def read(view, examples):
            return [np.take(array[view], examples, axis=0) for array in arrays]

        answers = tf.numpy_function(
            read, [view, examples], [a.dtype for a in arrays], stateful=False
        )
        for tensor, array in zip(answers, arrays, strict=True):
            tensor.set_shape([None, *array.shape[2:]])
        *representations, output = answers
        by_k = dict(zip(self.representations, representations, strict=True))
        return frozen.TeacherBatch(inputs, by_k, output)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answers:
    """What is kept of a data set's splits; None where nothing is."""

    train: Kept | None = None
    validation: Kept | None = None
