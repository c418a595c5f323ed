"""What a data set is: known beforehand, and arrays once loaded.

Its task says what is learned of it. "classes": an example's class; its label is
a number from 0. "images": to make of a picture one of other attributes; its
label is 0 or 1 for each attribute, in float32.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lit_tf import config, errors
from lit_tf.data import augment
from lit_tf.data.rows import Rows

Groups = tuple[tuple[str, ...], ...]

_DEFAULTS = config.Data()
_BLOCK = 8192  # Examples that are hashed at a time.


@dataclasses.dataclass(frozen=True)
class Split:
    """Examples: inputs `[examples, ...]` as stored, and labels.

    Those are `[examples]` of task "classes", of "images"
    `[examples, attributes]`.
    """

    inputs: np.ndarray | Rows
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "Split":
        """Returns the examples at the indices, in their order."""
        return Split(self.inputs.take(indices, 0), self.labels[indices])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set, and the form it gives to a model.

    Args:
        name: its name in `DATASETS`.
        train: what is trained on.
        test: read once, at the end.
        validation: set apart from the training examples, or None.
        classes: their names, by label; or those of the attributes, by column.
        stem: what a model's stem is built from beside the shape of an example,
            by name. Of images, the `mean` and `std` of each channel, in raw
            units; of texts, the `alphabet`; of pictures that become others,
            the names of the `attributes`.
        crop: how a training batch is varied.
        note: a word for the user, such as that the files are not the official
            ones.
        task: "classes", whose labels are class numbers `[examples]`, or
            "images": pictures become pictures, labels are their attributes
            `[examples, attributes]`, 0 or 1 in float32, named by `classes`.
        exclusive: groups of attributes of which a target has exactly one.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    stem: Mapping[str, Any]
    crop: augment.Crop
    task: str = "classes"
    exclusive: Groups = ()
    validation: Split | None = None
    note: str = ""

    @property
    def form(self) -> dict:
        """The arguments that a model's builder needs."""
        return {
            "input_shape": self.train.inputs.shape[1:],
            "classes": len(self.classes),
            **self.stem,
        }

    @functools.cached_property
    def fingerprint(self) -> str:
        """A hash of every example, in training order, test included."""
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            for array in (split.inputs, split.labels) if split else ():
                for start in range(0, len(array), _BLOCK):
                    block = array[start : start + _BLOCK]
                    digest.update(np.ascontiguousarray(block))
        return digest.hexdigest()[:16]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """An entry of `DATASETS`: a loader, and what is known without its files.

    Args:
        load: (data_dir, download, settings) → a `Dataset` whose validation is
            still None.
        input_shape: settings → the shape of one example.
        classes: settings → `Dataset.classes`, or numbers in the place of names
            that are in the files; () where only those tell how many there are.
        stem: settings → `Dataset.stem`.
        crop: how a training batch is varied.
        task: "classes" or "images".
        exclusive: settings → `Dataset.exclusive`.
        resized: whether images of any size are made to be `image_size`.
    """

    load: Callable[[str, bool, config.Data], Dataset]
    input_shape: Callable[[config.Data], tuple[int, ...]]
    classes: Callable[[config.Data], tuple[str, ...]]
    stem: Callable[[config.Data], Mapping[str, Any]]
    crop: augment.Crop = augment.Crop()
    task: str = "classes"
    exclusive: Callable[[config.Data], Groups] = lambda _: ()
    resized: bool = False

    def form(self, settings: config.Data = _DEFAULTS) -> dict[str, Any]:
        """Returns the arguments that a model's builder needs.

        Those of `Dataset.form`, of what these settings would load.

        Raises:
            SettingsError: only the data set's files tell how many classes it
                has.
        """
        classes = self.classes(settings)
        if not classes:
            raise errors.SettingsError(
                "`dataset` must be one whose classes are known without its "
                "files. Received: one of which only the files tell."
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
        """Returns random bytes and labels in this form, to train on.

        Args:
            name: what the data set calls itself.
            examples: how many; there are none to test on.
            seed: of bytes and labels.
            settings: of what would be loaded.

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
