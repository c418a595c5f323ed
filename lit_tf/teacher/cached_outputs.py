"""The teacher's outputs as a cache stores them, and how batches read them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from lit_tf.teacher import frozen


@dataclasses.dataclass(frozen=True, kw_only=True)
class CachedOutputs:
    """The teacher's outputs for every view of every example of a split.

    `data.batches` calls it to add these outputs to a batch (it is a
    `batches.Views`).

    Args:
        seed: the seed of the views' augmentation.
        views: the number of views of each example.
        representations: arrays `[views, examples, ...]` by k = 1 … K; empty if
            only the output is read.
        output: logits, `[views, examples, classes]`.
    """

    seed: int
    views: int
    representations: Mapping[int, np.ndarray]
    output: np.ndarray

    def __call__(
        self, inputs: Any, view: tf.Tensor, examples: tf.Tensor
    ) -> frozen.TeacherBatch:
        """Returns a batch with the teacher's outputs.

        Args:
            inputs: `[batch, ...]`, one view of some examples, nested as in the
                split.
            view: the number of that view, a scalar.
            examples: `[batch]`, the examples' places in the split.
        """
        arrays = [*self.representations.values(), self.output]

        def read(view, examples):
            # `view` is an array: `array[view]` alone would copy a whole view.
            return [array[view, examples] for array in arrays]

        outputs = tf.numpy_function(
            read, [view, examples], [a.dtype for a in arrays], stateful=False
        )
        for tensor, array in zip(outputs, arrays, strict=True):
            tensor.set_shape([None, *array.shape[2:]])
        *representations, output = outputs
        by_k = dict(zip(self.representations, representations, strict=True))
        return frozen.TeacherBatch(inputs, by_k, output)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CachedSplits:
    """The cached outputs of a dataset's splits.

    Args:
        train: those of the training split; None if they are not cached.
        validation: those of the validation split; None if they are not cached,
            or if there is no validation split.
    """

    train: CachedOutputs | None = None
    validation: CachedOutputs | None = None

    def without_representations(self) -> "CachedSplits":
        """Returns the same cache for a trainer that reads the output alone."""
        return CachedSplits(
            **{
                name: split and dataclasses.replace(split, representations={})
                for name, split in vars(self).items()
            }
        )
