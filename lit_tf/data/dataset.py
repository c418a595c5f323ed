"""What a data set is: known beforehand, and arrays in memory once loaded."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lit_tf import config, errors
from lit_tf.data import augment
from lit_tf.data.rows import Rows

_DEFAULTS = config.Data()
_BLOCK = 8192  # Examples that are hashed at a time.


@dataclasses.dataclass(frozen=True)
class Split:
    """Examples: inputs `[examples, ...]` as stored, labels `[examples]`."""

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
        classes: their names, by label.
        stem: what a model's stem is built from beside the shape of an example,
            by name. Of images, the `mean` and `std` of each channel, in raw
            units; of texts, the `alphabet`.
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
    validation: Split | None = None
    note: str = ""
    task: str = "classes"
    exclusive: tuple[tuple[str, ...], ...] = ()

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
        classes: how many there are; None where only the files tell.
        stem: as `Dataset.stem`.
        crop: how a training batch is varied.
    """

    load: Callable[[str, bool, config.Data], Dataset]
    input_shape: Callable[[config.Data], tuple[int, ...]]
    classes: int | None
    stem: Mapping[str, Any]
    crop: augment.Crop = augment.Crop()

    def form(self, settings: config.Data = _DEFAULTS) -> dict[str, Any]:
        """Returns the arguments that a model's builder needs.

        Those of `Dataset.form`, of what these settings would load.

        Raises:
            SettingsError: only the data set's files tell how many classes it
                has.
        """
        if self.classes is None:
            raise errors.SettingsError(
                "`dataset` must be one whose classes are known without its "
                "files. Received: one of which only the files tell."
            )
        return {
            "input_shape": self.input_shape(settings),
            "classes": self.classes,
            **self.stem,
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
        train = Split(
            random.integers(0, 256, shape, dtype=np.uint8),
            random.integers(0, self.classes, examples, dtype=np.int32),
        )
        return Dataset(
            name=name,
            train=train,
            test=train.take(np.arange(0)),
            classes=tuple(map(str, range(self.classes))),
            stem=self.stem,
            crop=self.crop,
            note="random",
        )
