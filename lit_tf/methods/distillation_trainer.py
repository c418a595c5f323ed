"""`DistillationTrainer`: a `Trainer` with a frozen teacher."""

from collections.abc import Sequence
from typing import Any

import keras

from lit_tf import config
from lit_tf.methods import teacher_warning, trainer
from lit_tf.outputs import Outputs
from lit_tf.sections import compatibility
from lit_tf.teacher.frozen import dtype_for, freeze


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
    gets its outputs from `teacher.frozen.teacher_outputs`.

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
            `outputs`, or teacher and student share weights.
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

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any):
        """Trains the student, as `keras.Model.fit` does.

        A warning says if the teacher is no better than chance, where `x` and
        `y` are arrays of 256 examples or more.

        Arguments, result and errors are those of `Trainer.fit`.
        """
        teacher_warning.warn_of_chance(self, x, y)
        return super().fit(x, y, *args, **kwargs)
