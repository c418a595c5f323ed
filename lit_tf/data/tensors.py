"""Anybody's own `tf.data.Dataset`, as a data set."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from lit_tf import errors
from lit_tf.data import augment, statistics
from lit_tf.data.dataset import Dataset, Split

_NOTHING = augment.Crop()


def collected(
    train: tf.data.Dataset,
    test: tf.data.Dataset,
    *,
    validation: tf.data.Dataset | None = None,
    classes: Sequence[str] = (),
    name: str = "own",
    crop: augment.Crop = _NOTHING,
) -> Dataset:
    """Reads `tf.data.Dataset`s into memory, for `experiment.compress`.

    A run that is to be resumed bit by bit, on however many replicas, chooses
    its examples by number, which a stream cannot give.

    Args:
        train: of single examples, (input, class number from 0); finite.
        test: likewise, read once, at the end.
        validation: likewise; by default none.
        classes: their names, by number; by default the numbers.
        name: what the data set is called in reports.
        crop: how a training batch of images is varied.

    Raises:
        DataError: examples are not of one shape, labels are no class numbers,
            or a split is empty.
    """
    splits = {
        which: _split(which, dataset)
        for which, dataset in (
            ("train", train),
            ("test", test),
            ("validation", validation),
        )
        if dataset is not None
    }
    count = 1 + max(int(split.labels.max()) for split in splits.values())
    names = tuple(classes) or tuple(map(str, range(count)))
    if not 2 <= count <= len(names):
        raise errors.DataError(
            "There must be two classes at least, and a name for each. "
            f"Received: labels up to {count - 1}, and {len(names)} names."
        )
    shapes = {split.inputs.shape[1:] for split in splits.values()}
    if len(shapes) > 1:
        raise errors.DataError(
            "Inputs must be of one shape in every split. Received: "
            f"{' and '.join(map(str, sorted(shapes)))}."
        )
    return Dataset(
        name=name,
        **splits,
        classes=names,
        stem=statistics.of(splits["train"]),
        crop=crop,
    )


def _split(which, dataset):
    inputs, labels = [], []
    try:
        for example, label in dataset.as_numpy_iterator():
            inputs.append(example)
            labels.append(label)
        inputs, labels = np.stack(inputs), np.array(labels)
    except (TypeError, ValueError) as error:
        raise errors.DataError(
            f"`{which}` must be of examples (input, label), all of one shape "
            f"and unbatched ({errors.line(error)})."
        ) from error
    whole = labels.ndim == 1 and np.issubdtype(labels.dtype, np.integer)
    if not whole or labels.min() < 0:
        raise errors.DataError(
            f"Labels of `{which}` must be whole numbers from 0. Received: "
            f"{labels.dtype} of shape {labels.shape[1:]}."
        )
    return Split(inputs, labels.astype(np.int32))
