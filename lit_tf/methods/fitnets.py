"""`Hint`: the first stage of FitNets (Romero et al., 2015)."""

from typing import Any

import keras
import tensorflow as tf

from lit_tf import config
from lit_tf.losses import masks, penalties
from lit_tf.methods.distillation_trainer import (
    DistillationTrainer,
    check_outputs,
)
from lit_tf.outputs import Classes, Outputs
from lit_tf.sections import compatibility, initial_weights, shrink
from lit_tf.sections.context import divide
from lit_tf.sections.sectioned_model import SectionedModel


class Hint(DistillationTrainer):
    """Trains a student's lower half on one representation of its teacher.

    The output of section ⌈K/2⌉, the guided layer of FitNets, is compared with
    the teacher's. Both have the same shape, so that no regressor is needed.
    Later parts are not trained; `Distill` follows. The metrics are `hint`,
    which equals `total`, and the accuracy of a student whose upper half is not
    trained yet.

    Args:
        teacher: the model to distil from, with K sections; never changed. A
            model without sections is cut where `plan` suggests.
        student: the model to train, with K sections, whose representations have
            the shapes of the teacher's.
        penalty: the distance of the two representations (see `LIT`); default
            "l2", as in FitNets.
        copy_ends: whether the student's stem and head are the teacher's;
            default True. If False, the student's own stem is trained.
        outputs: the kind of output of both models; `Classes()` when None.
        teacher_dtype: the dtype in which the teacher computes (see
            `DistillationTrainer`).
        frozen: a frozen copy of the teacher; created when None.
        **kwargs: arguments of `keras.Model`.

    Raises:
        SettingsError: if teacher and student do not match.
    """

    reads_representations = True

    def __init__(
        self,
        teacher: keras.Model,
        student: SectionedModel,
        *,
        penalty: str | penalties.Penalty = config.Loss.penalty,
        copy_ends: bool = True,
        outputs: Outputs | None = None,
        teacher_dtype: str = config.Frozen.teacher_dtype,
        frozen: keras.Model | None = None,
        **kwargs: Any,
    ):
        outputs = outputs or Classes()
        teacher = shrink.with_sections(teacher)
        check_outputs(outputs, teacher, student)
        compatibility.check_alike(teacher, student, ends=copy_ends)
        super().__init__(
            teacher,
            student,
            ("hint", "total"),
            outputs=outputs,
            teacher_dtype=teacher_dtype,
            frozen=frozen,
            **kwargs,
        )
        if copy_ends:
            initial_weights.copy_ends(teacher, student)
        self.guided = (len(student.sections) + 1) // 2
        self.penalty = penalties.get(penalty)
        self.copies_ends = copy_ends

    @property
    def trained_variables(self) -> list[keras.Variable]:
        """The variables of the sections up to the guided one."""
        parts = self.student.sections[: self.guided]
        if not self.copies_ends:
            parts = [self.student.stem, *parts]
        return [v for part in parts for v in part.trainable_variables]

    def terms(self, x, y, *, training):
        x, T, _ = self.run_teacher(x, training=training)
        stem = self.reader(training=training)
        outputs = stem(x, training=training and not self.copies_ends)
        S, context = divide(outputs)
        *sections, head = self.student.bind(context)
        real = masks.of_each(T, self.student.mask(context))
        for k, section in enumerate(sections, 1):
            S = section(S, training=training and k <= self.guided)
            if k == self.guided:
                hint = self.penalty(masks.attach(T[k], real[k]), S)
                S = tf.stop_gradient(S)
        z_s = head(S, training=False)
        return {"hint": hint, "total": hint}, z_s
