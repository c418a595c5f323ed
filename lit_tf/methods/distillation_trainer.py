"""`DistillationTrainer`: a `Trainer` with a frozen teacher."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from lit_tf import config, errors
from lit_tf.methods import teacher_warning, trainer
from lit_tf.outputs import Outputs
from lit_tf.sections import augmentation, compatibility
from lit_tf.teacher import cacheable
from lit_tf.teacher.frozen import (
    TeacherBatch,
    dtype_for,
    freeze,
    teacher_outputs,
)


def check_outputs(
    outputs: Outputs, teacher: keras.Model, student: keras.Model
) -> None:
    """Raises `SettingsError` if a model's output is of another kind."""
    outputs.check(teacher, "teacher")
    outputs.check(student, "student")


class DistillationTrainer(trainer.Trainer):
    """Trains a student whose losses also use the outputs of a teacher.

    The teacher is never trained, saved or exported. A step runs `frozen`, a
    copy of the teacher with BatchNorm folded into the layers before it; `terms`
    gets its outputs from `run_teacher`. If the models begin with augmentation
    layers, such as `keras.layers.RandomFlip`, these draw once in each training
    step, and teacher and student read the same augmented inputs.

    Args:
        teacher: the model to distil from.
        student: the model to train.
        term_names: names of the terms (see `Trainer`).
        outputs: the kind of output of both models.
        teacher_dtype: the dtype in which the teacher computes: "float32",
            "float16", "bfloat16" or "auto" (see `teacher.frozen.dtype_for`).
        frozen: a frozen copy of the teacher (see `teacher.frozen.freeze`);
            created from the teacher's current weights when None.
        **kwargs: arguments of `keras.Model`.

    Raises:
        SettingsError: if the output of a model is of another kind than
            `outputs`, or teacher and student share weights or augment their
            inputs differently.
    """

    # Whether `terms` reads the teacher's representations, not only its output.
    reads_representations = False

    def __init__(
        self,
        teacher: keras.Model,
        student: keras.Model,
        term_names: Sequence[str],
        *,
        outputs: Outputs,
        teacher_dtype: str = config.Frozen.teacher_dtype,
        frozen: keras.Model | None = None,
        **kwargs: Any,
    ):
        check_outputs(outputs, teacher, student)
        super().__init__(student, term_names, outputs=outputs, **kwargs)
        compatibility.check_apart(teacher, student)
        if frozen is None:
            frozen = freeze(teacher, dtype_for(student, teacher_dtype))
        # Keras tracks and saves every layer that is an attribute. An attribute
        # set with `object.__setattr__` is neither tracked nor saved.
        object.__setattr__(self, "teacher", teacher)
        object.__setattr__(self, "frozen", frozen)
        # LIT and its variants run the parts of the student one by one.
        first = student.stem if self.reads_representations else student
        view = augmentation.shared_view(frozen, first)
        object.__setattr__(self, "_first", first)
        object.__setattr__(self, "_view", view)

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any):
        """Trains the student, as `keras.Model.fit` does.

        A warning says if the teacher is no better than chance, where `x` and
        `y` are arrays of 256 examples or more.

        Arguments, result and errors are those of `Trainer.fit`.
        """
        teacher_warning.warn_of_chance(self, x, y)
        return super().fit(x, y, *args, **kwargs)

    @property
    def models_of_a_step(self) -> list[keras.Model]:
        """The models that a step runs, the frozen teacher included."""
        return [*super().models_of_a_step, self.frozen]

    @property
    def state(self) -> dict[str, list[keras.Variable]]:
        """The variables that a checkpoint holds, seeds of a view included."""
        if self._view is None:
            return super().state
        known = {id(variable) for variable in self.student.variables}
        seeds = [v for v in self._view.view.variables if id(v) not in known]
        return super().state | ({"augmentation": seeds} if seeds else {})

    @property
    def augments(self) -> bool:
        """Whether a training step augments its inputs."""
        return self._view is not None

    def run_teacher(
        self, x: tf.Tensor | TeacherBatch, *, training: bool
    ) -> TeacherBatch:
        """Runs the teacher, in training on augmented inputs.

        Args:
            x: inputs, `[batch, ...]`, or a `TeacherBatch` read from a cache.
            training: whether the inputs are augmented, if the models do so.

        Returns:
            The teacher's outputs, and the inputs of `reader`.

        Raises:
            SettingsError: if the models augment inputs whose outputs were
                cached.
        """
        if self._view is None or not training:
            return teacher_outputs(self.frozen, x)
        if isinstance(x, TeacherBatch):
            raise errors.SettingsError(cacheable.LAYERS.refusal)
        x = self._view.view(x, training=True)
        return teacher_outputs(self._view.teacher, x)

    def reader(self, *, training: bool) -> keras.Model:
        """Returns the model that reads the inputs of `run_teacher`'s batch.

        It is the student or, for a trainer that reads representations, the
        student's stem; in training without augmentation layers.

        Args:
            training: as in `run_teacher`.
        """
        return self._view.student if self._view and training else self._first
