"""`Run`: the settings, data and folder of one run of a command."""

import dataclasses
from collections.abc import Collection
from typing import Any

import keras

from lit_tf import data
from lit_tf.config import Compress, Teach, flatten
from lit_tf.experiment import build, hardware, model_paths
from lit_tf.experiment.tasks import TASKS, Task
from lit_tf.training import run_folder
from lit_tf.utils import versions


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a command: its settings, data and folder, fixed at its start.

    Args:
        settings: the settings.
        command: the command line, for the report.
        dataset: the dataset.
        folder: the open run folder.
    """

    settings: Teach | Compress
    command: str
    dataset: data.Dataset
    folder: run_folder.RunFolder

    @property
    def task(self) -> Task:
        """The task of the dataset."""
        return TASKS[self.dataset.task]

    def load_auxiliary_models(self) -> dict[str, keras.Model]:
        """Loads the models that belong to the trained teacher of a compression.

        Raises:
            DataError: if a file is missing or damaged.
        """
        return build.load_auxiliary_models(
            self.dataset,
            self.settings.compute,
            path=self.settings.discriminator_weights,
            near=self.settings.teacher_weights or str(self.folder.teacher),
        )

    def circumstances(self) -> dict[str, Any]:
        """Returns command, settings, data, hardware and versions."""
        return circumstances(
            self.settings,
            self.dataset,
            fingerprint=self.dataset.fingerprint,
            command=self.command,
            ignored=self._ignored,
        )

    @property
    def hparams(self) -> dict[str, Any]:
        """The settings that identify the run and were read."""
        return hparams(self.settings, self._ignored)

    @property
    def _ignored(self):
        """The settings that name an architecture and were not read."""
        if not isinstance(self.settings, Compress):
            return ()
        ignored = ["student"] * self.settings.shrink.requested
        file = self.settings.teacher_weights
        if file and not model_paths.is_weights(
            model_paths.find(file, *model_paths.TEACHERS)
        ):
            ignored.append("teacher")
        return tuple(ignored)


def circumstances(
    settings: Teach | Compress,
    dataset: data.Dataset,
    *,
    fingerprint: str,
    command: str,
    ignored: Collection[str],
) -> dict[str, Any]:
    """Returns command, settings, data, hardware and versions of a run.

    Args:
        settings: the settings.
        dataset: the dataset.
        fingerprint: hash of the data.
        command: the command line, or the function that was called.
        ignored: names of settings that were not read; their values are None.
    """
    return {
        "command": command,
        "settings": flatten.flatten(settings) | dict.fromkeys(ignored),
        "data": {
            "name": dataset.name,
            "fingerprint": fingerprint,
            "note": dataset.note,
            "train": len(dataset.train),
            "validation": len(dataset.validation or ()),
            "test": len(dataset.test or ()),
            "classes": list(dataset.class_names),
        },
        "hardware": hardware.found(),
        "versions": versions.installed(),
    }


def hparams(
    settings: Teach | Compress, ignored: Collection[str]
) -> dict[str, Any]:
    """Returns the settings that identify a run, without ignored ones."""
    return {
        name: value
        for name, value in flatten.identity(settings).items()
        if name not in ignored
    }
