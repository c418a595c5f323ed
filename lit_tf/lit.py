"""`LIT`: phase `lit`, the paper's section 3."""

from typing import Any

import keras
import tensorflow as tf

from lit_tf import (
    config,
    losses,
    pairs,
    penalties,
    sectioned,
    trainer,
)
from lit_tf import outputs as kinds
from lit_tf import teacher as teachers


class LIT(trainer.Trainer):
    """Trains a student's sections on its teacher's representations.

    The student's stem and head become the teacher's, frozen and in inference
    mode; only the sections are trained. Fine-tune with `Distill` afterwards.

    The metrics are `total` (L), `kd`, its parts (of classes `hard` and `soft`,
    without τ²), `ir`, and
    for each section k `section_k/penalty_teacher_fed` (the term of L) and
    `section_k/penalty_student_fed`: the same distance along the student's own
    stream, which LIT does not minimise and the paper's argument expects to
    follow.

    Args:
        teacher: K sections; never changed.
        student: K sections, whose representations have the teacher's shapes.
            Its stem and head receive the teacher's weights here and now.
        alpha: in [0, 1], multiplies the hard loss within L_KD; 1 − alpha
            multiplies the soft one.
        temperature: τ > 0, divides both logits of the soft loss.
        beta: in [0, 1], multiplies L_KD; 1 − beta multiplies L_IR.
        penalty: "l2", "l1", "smooth_l1" or a function of (teacher, student)
            that returns `[batch]` (see `penalties`).
        outputs: what L_KD is made of; by default classes, weighed by `alpha`
            and `temperature`.
        teacher_dtype: in which the teacher computes: "float32", "float16",
            "bfloat16" or "auto" (see `teacher.dtype_for`).
        frozen: the teacher's twin, as another trainer has it; by default it is
            made here, of the teacher's present weights.
        **kwargs: of `keras.Model`.

    Raises:
        SettingsError: teacher and student do not line up, or a weight is out
            of range.
    """

    reads_representations = True

    def __init__(
        self,
        teacher: sectioned.SectionedModel,
        student: sectioned.SectionedModel,
        *,
        alpha: float = config.Method.alpha,
        temperature: float = config.Method.temperature,
        beta: float = config.Method.beta,
        penalty: str | penalties.Penalty = config.Method.penalty,
        outputs: kinds.Outputs | None = None,
        teacher_dtype: str = config.Frozen.teacher_dtype,
        frozen: keras.Model | None = None,
        **kwargs: Any,
    ):
        config.check_method(alpha, temperature, beta)
        outputs = outputs or kinds.Classes(alpha=alpha, temperature=temperature)
        pairs.check_alike(teacher, student)
        pairs.copy_ends(teacher, student)
        count = len(student.sections)
        names = [
            *(fed_name(k) for k in range(1, count + 1)),
            *(own_name(k) for k in range(1, count + 1)),
            *("ir", *outputs.names, "total"),
        ]
        super().__init__(
            student,
            teacher,
            names,
            outputs=outputs,
            teacher_dtype=teacher_dtype,
            frozen=frozen,
            **kwargs,
        )
        self.beta = beta
        self.penalty = penalties.get(penalty)

    @property
    def trained_variables(self) -> list[keras.Variable]:
        return [
            variable
            for section in self.student.sections
            for variable in section.trainable_variables
        ]

    @property
    def passes(self) -> list[keras.Model]:
        return [self.student, *self.student.sections[1:]]

    def terms(self, x, y, *, training):
        # The teacher once: T_0 … T_K and z_t, without gradient.
        x, T, z_t = teachers.answer(self.frozen, x)

        # Sections 2 … K fed the teacher's representation. (First, because what
        # a section adds to the loss by itself is that of its latest pass.)
        fed = {
            k: _unrecorded(section, T[k - 1], training=training)
            for k, section in enumerate(self.student.sections[1:], 2)
        }

        # The student's own stream S_0 … S_K, which BatchNorm records. The stem
        # is the teacher's frozen copy, so S_0 = T_0 and need not be computed,
        # unless the teacher's has fewer digits; and section 1 is fed the
        # teacher's representation here already.
        if 0 in T and _digits(T[0]) >= _digits(self.student.representations[0]):
            S = [T[0]]
        else:
            S = [self.student.stem(x, training=False)]
        for section in self.student.sections:
            S.append(section(S[-1], training=training))
        z_s = self.student.head(S[-1], training=False)
        fed[1] = S[1]

        # l(T_k, S_k(T_{k−1})), and beside it l(T_k, S_k), which is only logged.
        ks = range(1, len(S))
        penalty = {k: self.penalty(T[k], fed[k]) for k in ks}
        drift = {k: self.penalty(T[k], tf.stop_gradient(S[k])) for k in ks}

        ir = tf.add_n(list(penalty.values()))
        compared = self.outputs.terms(y, z_t, z_s)
        total = losses.lit(compared["kd"], ir, beta=self.beta)
        terms = {
            **{fed_name(k): value for k, value in penalty.items()},
            **{own_name(k): value for k, value in drift.items()},
            **{"ir": ir, **compared, "total": total},
        }
        return terms, z_s


def fed_name(k: int) -> str:
    """Returns the name of section k's penalty on the teacher's stream."""
    return f"section_{k}/penalty_teacher_fed"


def own_name(k: int) -> str:
    """Returns the name of section k's distance on the student's stream."""
    return f"section_{k}/penalty_student_fed"


def _digits(tensor):
    return tf.as_dtype(tensor.dtype).size


def _unrecorded(section, inputs, *, training):
    # BatchNorm normalises with the batch but keeps its moving statistics: those
    # are of the student's own stream, which is what it will see when used. The
    # published code updates them on both streams.
    outputs, _ = section.stateless_call(
        section.trainable_variables,
        section.non_trainable_variables,
        inputs,
        training=training,
    )
    return outputs
