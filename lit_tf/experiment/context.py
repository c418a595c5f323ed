"""`Run`: the settings, data and folder of one run of a command."""

import dataclasses
from typing import Any

import keras

from lit_tf import data
from lit_tf.config import Compress, Teach, flatten
from lit_tf.experiment import build, model_paths, report
from lit_tf.experiment.tasks import TASKS, Task
from lit_tf.training import run_folder


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
        dataset = self.dataset
        return {
            "command": self.command,
            "settings": self._settings(),
            "data": {
                "name": dataset.name,
                "fingerprint": dataset.fingerprint,
                "note": dataset.note,
                "train": len(dataset.train),
                "validation": len(dataset.validation or ()),
                "test": len(dataset.test),
                "classes": list(dataset.class_names),
            },
            "hardware": report.hardware(),
            "versions": run_folder.versions(),
        }

    def _settings(self):
        """Returns all settings; None for an architecture that was ignored."""
        settings = flatten.flatten(self.settings)
        if isinstance(self.settings, Compress):
            if self.settings.shrink.requested:
                settings["student"] = None
            file = self.settings.teacher_weights
            if file and not model_paths.is_weights(
                model_paths.find(file, *model_paths.TEACHERS)
            ):
                settings["teacher"] = None
        return settings
