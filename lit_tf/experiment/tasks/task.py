"""The base class of tasks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras

from lit_tf import data, errors
from lit_tf.config import Adversarial, Compress, Session, Teach
from lit_tf.methods import trainer
from lit_tf.methods.stages import Pair, Stage
from lit_tf.outputs import Outputs
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.training import metric_logs, run_folder
from lit_tf.training.checkpoint import Position


class TeacherAccuracy(NamedTuple):
    """A teacher's accuracy.

    Args:
        value: the accuracy, a fraction.
        chance: the accuracy by chance, a fraction, if it is certain that the
            teacher is no better; None otherwise.
    """

    value: float
    chance: float | None = None


class Task:
    """The base class of tasks: trainers, metrics and report for a dataset.

    `Dataset.task` is the name of a task, and `TASKS` maps the name to an
    instance. The defaults are those of a task without auxiliary models.

    Attributes:
        outputs: the kind of output of the models.
        output: what the SavedModel of a model other than a generator returns:
            "logits" (default) or "embedding".
        validated: name in the report of a student's score on validation, by
            which the best one is chosen.
        accuracy_of: text that is printed after an accuracy and says what it
            counts; "" for classification accuracy.
        curves: the metrics that `curves.png` draws, tag → label.
    """

    outputs: Outputs
    output = "logits"
    validated = "validation_accuracy"
    accuracy_of = ""
    curves: Mapping[str, str] = {}

    def check(self, settings: Teach | Compress, dataset: data.Dataset) -> None:
        """Refuses settings that would otherwise fail late in the run.

        Raises:
            SettingsError: if the settings do not fit the task.
            DataError: if an auxiliary model is missing or damaged.
        """
        if isinstance(settings, Compress):
            errors.require(
                settings.export != "closest",
                "`export` closest is for image translation. Choose best or "
                "last.",
                export=settings.export,
            )

    def batches_per_step(self, settings: Compress, phase: str) -> int:
        """Returns how many batches a step of a student's phase reads.

        Args:
            settings: the settings of the run.
            phase: the name of the phase.
        """
        del settings, phase
        return 1

    def teacher_trainer(
        self,
        model: SectionedModel,
        auxiliary_models: Mapping[str, keras.Model],
        settings: Adversarial,
        *,
        seed: int,
    ) -> trainer.Trainer:
        """Returns the trainer of phase `teach`.

        Args:
            model: the new teacher.
            auxiliary_models: models that are trained with it, by name.
            settings: settings of adversarial training.
            seed: the run's seed.
        """
        raise NotImplementedError

    def stages(
        self, pair: Pair, auxiliary_models: Mapping[str, keras.Model]
    ) -> Iterator[Stage]:
        """Yields the stages that train a student.

        Args:
            pair: teacher and student.
            auxiliary_models: models that belong to the teacher, by name.
        """
        raise NotImplementedError

    def new_auxiliary_models(
        self, dataset: data.Dataset, settings: Adversarial
    ) -> dict[str, keras.Model]:
        """Returns new models that are trained with a teacher, by name."""
        return {}

    def load_auxiliary_models(
        self, dataset: data.Dataset, *, path: str, near: str
    ) -> dict[str, keras.Model]:
        """Loads the models that belong to a trained model, by name.

        Args:
            dataset: the dataset, which determines their shapes.
            path: the file of the model; "" to look near the trained model.
            near: the trained model's file or its run folder.

        Raises:
            SettingsError: if the model has other inputs or outputs.
            DataError: if a file is missing or damaged.
        """
        return {}

    def extra_callbacks(
        self,
        phase: str,
        logs: metric_logs.MetricLogs,
        position: Position,
        dataset: data.Dataset,
        session: Session,
        total: int,
    ) -> Sequence[keras.callbacks.Callback]:
        """Returns callbacks that show examples while a phase runs.

        Args:
            phase: the phase's name.
            logs: the phase's logs.
            position: the phase's position, updated as it runs.
            dataset: the dataset.
            session: the run folder and how often to write.
            total: steps of the phase.
        """
        return []

    def teacher_accuracy(
        self,
        frozen: keras.Model,
        split: data.Split,
        dataset: data.Dataset,
        auxiliary_models: Mapping[str, keras.Model],
    ) -> TeacherAccuracy | None:
        """Returns the accuracy of a frozen teacher; None without labels."""
        return None

    def evaluate(
        self,
        models: Mapping[str, keras.Model],
        dataset: data.Dataset,
        session: Session,
        auxiliary_models: Mapping[str, keras.Model],
        *,
        exported: str = "",
        folder: run_folder.RunFolder | None = None,
    ) -> dict[str, Any]:
        """Reads the test split and evaluates models on it.

        Args:
            models: float32 models by role, such as "teacher" and "best".
            dataset: the dataset whose test split is read.
            session: the feature extractors of generators.
            auxiliary_models: models that belong to the teacher, by name.
            exported: the role that is compared with "teacher"; "" for none.
            folder: the run folder, for image grids; None to write none.

        Returns:
            Entries of the report; `roles` holds the results of each role.
        """
        raise NotImplementedError

    def report_lines(self, report: Mapping[str, Any]) -> list[str]:
        """Returns the lines of `report.md` on the quality of a student."""
        raise NotImplementedError
