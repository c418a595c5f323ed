"""The user's own `tf.data.Dataset` objects as a dataset."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from lit_tf import errors
from lit_tf.data import class_numbers, crops, statistics
from lit_tf.data.alike import check_alike
from lit_tf.data.dataset import Dataset, Split

_NOTHING = crops.Crop()


def collected(
    train: tf.data.Dataset,
    test: tf.data.Dataset,
    *,
    validation: tf.data.Dataset | None = None,
    classes: Sequence[str] = (),
    name: str = "own",
    crop: crops.Crop = _NOTHING,
) -> Dataset:
    """Reads `tf.data.Dataset`s into memory, for `experiment.compress`.

    They are not read as streams: a run that can be resumed exactly, on any
    number of replicas, selects its examples by number.

    Example:
    ```python
    import tensorflow as tf

    from lit_tf import data

    images = tf.random.uniform([100, 8, 8, 1], maxval=255)
    labels = tf.range(100) % 10
    examples = tf.data.Dataset.from_tensor_slices((images, labels))
    dataset = data.collected(
        examples.take(70),
        examples.skip(80),
        validation=examples.skip(70).take(10),
    )
    ```

    Args:
        train: the training examples: finite, not batched, each a pair of an
            input and a class number from 0. The input of a model of several
            inputs is a dictionary by their names, or a tuple.
        test: the test examples, in the same form; read once, at the end.
        validation: the validation examples, in the same form; None for none.
        classes: names of the classes, by number; the numbers by default.
        name: the dataset's name in reports.
        crop: the augmentation of images in training batches; none by default.

    Raises:
        DataError: if examples differ in shape, labels are not class numbers, or
            a split is empty.
    """
    splits = {
        part: _split(part, dataset)
        for part, dataset in (
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
            "There must be at least two classes, and a name for each. "
            f"Received: labels up to {count - 1}, and {len(names)} names."
        )
    check_alike(splits.values(), "all splits")
    return Dataset(
        name=name,
        **splits,
        classes=names,
        stem=statistics.mean_and_std(splits["train"]),
        crop=crop,
    )


def _split(part, dataset):
    inputs, labels = [], []
    try:
        for example, label in dataset.as_numpy_iterator():
            inputs.append(example)
            labels.append(label)
        inputs = tf.nest.map_structure(lambda *x: np.stack(x), *inputs)
        labels = np.array(labels)
    except (TypeError, ValueError) as error:
        raise errors.DataError(
            f"`{part}` must hold unbatched examples (input, label) of one "
            f"shape ({errors.line(error)})."
        ) from error
    return Split(
        inputs, class_numbers.check(labels, name=f"Labels of `{part}`")
    )
