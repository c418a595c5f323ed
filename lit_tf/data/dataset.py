"""What a data set is: known beforehand, and arrays in memory once loaded."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable

import numpy as np

from lit_tf.data import augment


@dataclasses.dataclass(frozen=True)
class Split:
    """Examples: inputs `[examples, ...]` as stored, labels `[examples]`."""

    inputs: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "Split":
        """Returns the examples at the indices, in their order."""
        return Split(self.inputs[indices], self.labels[indices])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set, and the form it gives to a model.

    Args:
        name: its name in `DATASETS`.
        train: what is trained on.
        test: read once, at the end.
        validation: set apart from the training examples, or None.
        classes: their names, by label.
        mean: of each channel, in raw units.
        std: of each channel, in raw units.
        crop: how a training batch is varied.
        note: a word for the user, such as that the files are not the official
            ones.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop: augment.Crop
    validation: Split | None = None
    note: str = ""

    @property
    def form(self) -> dict:
        """The arguments that a model's builder needs."""
        return {
            "input_shape": self.train.inputs.shape[1:],
            "classes": len(self.classes),
            "mean": self.mean,
            "std": self.std,
        }

    @functools.cached_property
    def fingerprint(self) -> str:
        """A hash of every example, in training order, test included."""
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            for array in (split.inputs, split.labels) if split else ():
                digest.update(np.ascontiguousarray(array))
        return digest.hexdigest()[:16]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """An entry of `DATASETS`: a loader, and what is known without its files.

    Args:
        load: (data_dir, download) → a `Dataset` whose validation is still None.
        input_shape: of one example.
        classes: how many there are.
        mean: of each channel, in raw units.
        std: of each channel, in raw units.
        crop: how a training batch is varied.
    """

    load: Callable[[str, bool], Dataset]
    input_shape: tuple[int, ...]
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop: augment.Crop = augment.Crop()

    @property
    def form(self) -> dict:
        """The arguments that a model's builder needs, as `Dataset.form`."""
        return {
            "input_shape": self.input_shape,
            "classes": self.classes,
            "mean": self.mean,
            "std": self.std,
        }

    def noise(self, name: str, *, examples: int, seed: int) -> Dataset:
        """Returns random pixels and labels in this form, to train on.

        Args:
            name: what the data set calls itself.
            examples: how many; there are none to test on.
            seed: of pixels and labels.
        """
        random = np.random.default_rng(seed)
        shape = (examples, *self.input_shape)
        train = Split(
            random.integers(0, 256, shape, dtype=np.uint8),
            random.integers(0, self.classes, examples, dtype=np.int32),
        )
        return Dataset(
            name=name,
            train=train,
            test=train.take(np.arange(0)),
            classes=tuple(map(str, range(self.classes))),
            mean=self.mean,
            std=self.std,
            crop=self.crop,
            note="random pixels",
        )
