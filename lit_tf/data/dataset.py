"""Datasets: `Source` before loading, `Dataset` and its splits afterwards.

There are three tasks. "classes" is classification: a label is a class number
from 0. "images" is image-to-image translation of attributes: a label is 0 or 1
for each attribute, in float32. "embeddings" has no labels: a model returns a
vector.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from lit_tf import config, errors
from lit_tf.data import crops, streams
from lit_tf.data.length_buckets import LengthBuckets
from lit_tf.data.mixing import Mixing
from lit_tf.data.rows import Rows

Groups = tuple[tuple[str, ...], ...]
# One array, or arrays nested in tuples and dictionaries.
Inputs = np.ndarray | Rows | tuple[Any, ...] | Mapping[str, Any]

_DEFAULTS = config.Data()
_BLOCK = 8192  # Examples hashed at a time.


@dataclasses.dataclass(frozen=True)
class Split:
    """Inputs and labels of some examples.

    Args:
        inputs: `[examples, ...]`, as stored; or several such arrays in a
            tuple or a dictionary, as a model of several inputs takes them.
        labels: `[examples]` for task "classes", `[examples, attributes]` for
            task "images", `[examples, 0]` for task "embeddings".

    Raises:
        DataError: if an array has another number of examples.
    """

    inputs: Inputs
    labels: np.ndarray

    def __post_init__(self):
        object.__setattr__(self, "inputs", streams.without_lists(self.inputs))
        for name, array in named_arrays(self.inputs):
            if len(array) != len(self.labels):
                raise errors.DataError(
                    f"{name or 'The input'} must have one example for each "
                    f"label. Received: {len(array):,} examples and "
                    f"{len(self.labels):,} labels."
                )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "Split":
        """Returns the examples at the indices, in the order of the indices."""
        inputs = tf.nest.map_structure(
            lambda array: array.take(indices, 0), self.inputs
        )
        return Split(inputs, self.labels[indices])

    def read(self, start: int, stop: int) -> Any:
        """Returns the inputs of consecutive examples, `[stop − start, ...]`."""
        return tf.nest.map_structure(
            lambda array: array[start:stop], self.inputs
        )

    @property
    def spec(self) -> Any:
        """The form of a batch of inputs, a `tf.TensorSpec` for each array."""
        return tf.nest.map_structure(
            lambda array: tf.TensorSpec(
                [None, *array.shape[1:]], tf.as_dtype(array.dtype)
            ),
            self.inputs,
        )


def named_arrays(inputs: Inputs) -> list[tuple[str, np.ndarray | Rows]]:
    """Returns the arrays of inputs with their names, in a fixed order.

    Args:
        inputs: as `Split.inputs`. The name of a single array is "". The name
            of one in a dictionary is its key, of one in a tuple its number
            from 0, and of one in both "key/number".
    """
    if isinstance(inputs, Mapping):
        parts = sorted(inputs.items())
    elif isinstance(inputs, tuple):
        parts = list(enumerate(inputs))
    else:
        return [("", inputs)]
    return [
        (f"{key}/{name}" if name else str(key), array)
        for key, part in parts
        for name, array in named_arrays(part)
    ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dataset:
    """A loaded dataset.

    Args:
        name: the name in `DATASETS`.
        train: the training examples; a `Stream` for a user's own batches.
        test: the test examples; read once, at the end of a run.
        validation: the validation examples; None for none.
        classes: names of the classes by label; for task "images" names of the
            attributes by column; () for task "embeddings".
        stem: further arguments of a model's stem, by name: for classes of
            images `mean` and `std` of each channel in raw units; for texts
            `alphabet`; for task "images" `attributes`, their names.
        crop: the augmentation of training batches.
        mixing: what mixes examples of a training batch; None for nothing.
        buckets: the training examples by length, for batches of like length;
            None for batches of any.
        note: information for the user; "" for none.
        task: "classes", "images" or "embeddings".
        exclusive: groups of attributes of which a target has exactly one.
        decoding: "once" if the pixels of images in files are stored, "always"
            if they are decoded at every read; "" for other data.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    stem: Mapping[str, Any]
    crop: crops.Crop
    mixing: Mixing | None = None
    buckets: LengthBuckets | None = None
    task: str = "classes"
    exclusive: Groups = ()
    validation: Split | None = None
    note: str = ""
    decoding: str = ""

    @property
    def form(self) -> dict:
        """Arguments for a model's builder: shape, classes, stem arguments."""
        return {
            "input_shape": tf.nest.map_structure(
                lambda array: array.shape[1:], self.train.inputs
            ),
            "classes": len(self.classes),
            **self.stem,
        }

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes by label; () if these count from 0 or 1."""
        count = len(self.classes)
        counts = (tuple(map(str, range(i, i + count))) for i in (0, 1))
        named = self.task == "classes" and self.classes not in counts
        return self.classes if named else ()

    @functools.cached_property
    def fingerprint(self) -> str:
        """Hash of all examples of all splits, in their order.

        Images that are decoded at every read count by their files.
        """
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            if not split:
                continue
            arrays = [*named_arrays(split.inputs), ("", split.labels)]
            for name, array in arrays:
                digest.update(name.encode())
                known = getattr(array, "fingerprint", None)
                if known is not None:
                    digest.update(known)
                    continue
                for start in range(0, len(array), _BLOCK):
                    block = array[start : start + _BLOCK]
                    digest.update(np.ascontiguousarray(block))
        return digest.hexdigest()[:16]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """An entry of `DATASETS`: a loader, and facts known without the files.

    Args:
        load: function of (data_dir, download, settings, cache_dir) that returns
            a `Dataset`; with a validation split only if the files have one.
        input_shape: function of the settings that returns an example's shape.
        classes: function of the settings that returns `Dataset.classes`, with
            numbers instead of names that are in the files; () if the number of
            classes is known from the files alone.
        stem: function of the settings that returns `Dataset.stem`.
        crop: the augmentation of training batches.
        task: "classes" or "images".
        exclusive: function of the settings that returns `Dataset.exclusive`.
        resized: whether images of any size are resized to `image_size`.
        named_inputs: whether the files may hold several inputs, of which
            `inputs` names those to read.
        texts: whether the examples are texts, so that `load` takes an
            `encoder` too (`encoded.Encoder`).
    """

    load: Callable[..., Dataset]
    input_shape: Callable[[config.Data], tuple[int, ...]]
    classes: Callable[[config.Data], tuple[str, ...]]
    stem: Callable[[config.Data], Mapping[str, Any]]
    crop: crops.Crop = crops.Crop()
    task: str = "classes"
    exclusive: Callable[[config.Data], Groups] = lambda _: ()
    resized: bool = False
    named_inputs: bool = False
    texts: bool = False

    def form(self, settings: config.Data = _DEFAULTS) -> dict[str, Any]:
        """Returns the arguments for a model's builder without loading files.

        They equal `Dataset.form` of the dataset that `settings` would load.

        Raises:
            SettingsError: if the number of classes is known from the
                dataset's files alone.
        """
        classes = self.classes(settings)
        if not classes:
            raise errors.SettingsError(
                "`dataset` must be one whose classes are known without its "
                "files. Received: one whose classes only the files name."
            )
        return {
            "input_shape": self.input_shape(settings),
            "classes": len(classes),
            **self.stem(settings),
        }

    def noise(
        self,
        name: str,
        *,
        examples: int,
        seed: int,
        settings: config.Data = _DEFAULTS,
    ) -> Dataset:
        """Returns random training examples in the form of this dataset.

        Args:
            name: the name of the returned dataset.
            examples: number of training examples; the test split is empty.
            seed: seed of bytes and labels.
            settings: settings of the dataset that is imitated.

        Raises:
            SettingsError: as `form`.
        """
        random = np.random.default_rng(seed)
        form = self.form(settings)
        shape = (examples, *form["input_shape"])
        inputs = random.integers(0, 256, shape, dtype=np.uint8)
        if self.task == "images":
            values = random.integers(0, 2, (examples, form["classes"]))
            labels = values.astype(np.float32)
        else:
            labels = random.integers(
                0, form["classes"], examples, dtype=np.int32
            )
        train = Split(inputs, labels)
        return Dataset(
            name=name,
            train=train,
            test=train.take(np.arange(0)),
            classes=self.classes(settings),
            stem=self.stem(settings),
            crop=self.crop,
            task=self.task,
            exclusive=self.exclusive(settings),
            note="random",
        )
