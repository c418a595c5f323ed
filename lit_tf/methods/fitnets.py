"""`Hint`: the first stage of FitNets (Romero et al., 2015)."""

from typing import Any

import keras
import tensorflow as tf

from lit_tf import config
from lit_tf.losses import penalties
from lit_tf.methods import trainer
from lit_tf.outputs import Classes, Outputs
from lit_tf.sections import compatibility
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.teacher.frozen import answer


class Hint(trainer.Trainer):
    """Trains a student up to its middle on its teacher's representation there.

    Section ⌈K/2⌉ is the guided one. Its shape is the teacher's, so that no
    regressor is needed. What comes after it does not train; `Distill` follows.
    The metrics are `hint`, which is `total`, and the accuracy of the untrained
    end.

    Args:
        teacher: K sections; never changed.
        student: K sections, whose representations have the teacher's shapes.
        penalty: as `LIT` has it; FitNets' is "l2".
        copy_ends: whether the student gets the teacher's stem and head. If
            not, its own stem is trained.
        outputs: what the student's output is; by default classes.
        teacher_dtype: in which the teacher computes (see `teacher.dtype_for`).
        frozen: the teacher's twin, as another trainer has it.
        **kwargs: of `keras.Model`.

    Raises:
        SettingsError: teacher and student do not line up.
    """

    reads_representations = True

    def __init__(
        self,
        teacher: SectionedModel,
        student: SectionedModel,
        *,
        penalty: str | penalties.Penalty = config.Loss.penalty,
        copy_ends: bool = True,
        outputs: Outputs | None = None,
        teacher_dtype: str = config.Frozen.teacher_dtype,
        frozen: keras.Model | None = None,
        **kwargs: Any,
    ):
        compatibility.check_alike(teacher, student, ends=copy_ends)
        if copy_ends:
            compatibility.copy_ends(teacher, student)
        super().__init__(
            student,
            teacher,
            ("hint", "total"),
            outputs=outputs or Classes(),
            teacher_dtype=teacher_dtype,
            frozen=frozen,
            **kwargs,
        )
        self.guided = (len(student.sections) + 1) // 2
        self.penalty = penalties.get(penalty)
        self.copies_ends = copy_ends

    @property
    def trained_variables(self) -> list[keras.Variable]:
        parts = self.student.sections[: self.guided]
        if not self.copies_ends:
            parts = [self.student.stem, *parts]
        return [v for part in parts for v in part.trainable_variables]

    def terms(self, x, y, *, training):
        x, T, _ = answer(self.frozen, x)
        S = self.student.stem(x, training=training and not self.copies_ends)
        for k, section in enumerate(self.student.sections, 1):
            S = section(S, training=training and k <= self.guided)
            if k == self.guided:
                hint = self.penalty(T[k], S)
                S = tf.stop_gradient(S)
        z_s = self.student.head(S, training=False)
        return {"hint": hint, "total": hint}, z_s
