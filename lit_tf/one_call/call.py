"""One call of `lit_tf.compress`: the student trained and compared."""

import dataclasses

import keras

from lit_tf import config
from lit_tf.data import graph_errors, own_data
from lit_tf.data.dataset import Dataset
from lit_tf.experiment import (
    build,
    context,
    paired,
    planned_epochs,
    results,
    stage_loop,
    student_training,
    teacher_check,
)
from lit_tf.methods import method_checks
from lit_tf.one_call import report, run_files
from lit_tf.one_call.result import CompressionResult
from lit_tf.outputs import Outputs, derived
from lit_tf.sections import sectioned_model
from lit_tf.teacher.frozen import output_alone
from lit_tf.training import run_folder
from lit_tf.training.own_training import OwnTraining


@dataclasses.dataclass(frozen=True, kw_only=True)
class Call:
    """One call of `lit_tf.compress`, after its arguments were read.

    Args:
        model: the user's model.
        teacher: the same model, cut, which returns logits.
        dataset: the user's data.
        outputs: the kind of output.
        settings: the settings.
        own: optimizer and callbacks of the user.
        folder: the run folder; None to write nothing.
    """

    model: keras.Model
    teacher: sectioned_model.SectionedModel
    dataset: Dataset
    outputs: Outputs
    settings: config.Compress
    own: OwnTraining
    folder: run_folder.RunFolder | None

    @graph_errors.translated()
    def compress(self) -> CompressionResult:
        """Trains the student and compares it with the model."""
        blocks = self.folder.pinned("blocks") if self.folder else None
        student = build.new_student(
            self.settings, self.dataset, self.teacher, blocks
        )
        method_checks.check(self.settings, self.teacher, student, self.outputs)
        print(
            f"{self.model.name}: {derived.describe(self.outputs)}\n\n"
            f"{build.describe(self.settings, self.teacher, student)}\n",
            flush=True,
        )
        if self.folder:
            self.folder.pin(blocks=student.facts["blocks"])
        pair = dataclasses.replace(
            student_training.freeze_pair(
                self.settings, self.teacher, student, self.dataset
            ),
            outputs=self.outputs,
        )
        accuracy = self._check_teacher(pair.frozen)
        pair = planned_epochs.fitted(pair, self.dataset, {}, self.folder)
        training = self._train(pair, accuracy)
        return report.make(
            self.model,
            self.teacher,
            training,
            self.dataset,
            self.outputs,
            settings=pair.settings,
            folder=self.folder,
        )

    def _check_teacher(self, frozen):
        """Returns the teacher's accuracy on validation; None if it has none.

        Raises:
            SettingsError: if it is too low.
        """
        if not paired.of_classes(self.outputs, self.teacher):
            return None
        predicted, labels = paired.predictions(
            output_alone(frozen),
            own_data.checked_batches(self.dataset, 256),
            self.outputs,
        )
        return teacher_check.check_classes(
            predicted, labels, least=self.settings.min_teacher_accuracy
        )

    def _train(self, pair, accuracy):
        """Trains the student through the stages of its method."""
        recorders = {}

        def own_training(name):
            recorders[name] = keras.callbacks.History()
            recorders[name].history = {}
            callbacks = (recorders[name], *self.own.callbacks)
            return dataclasses.replace(self.own, callbacks=callbacks)

        outcomes, spent = stage_loop.train(
            pair,
            self.dataset,
            {},
            self.folder,
            hparams=context.hparams(self.settings, run_files.IGNORED),
            extra_callbacks=lambda *_: [],
            teacher_accuracy=accuracy,
            own_training=own_training,
        )
        stage, outcome = outcomes[-1]
        return results.Training(
            best=results.best_of(outcomes),
            last=outcome.last,
            last_phase=stage.name,
            history={n: one.history for n, one in recorders.items()},
            spent=spent,
        )
