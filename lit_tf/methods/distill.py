"""`Distill`: phase `fine_tune`, and the KD baseline."""

from typing import Any

import keras

from lit_tf import config, errors
from lit_tf.methods import trainer
from lit_tf.outputs import Classes, Outputs
from lit_tf.teacher.frozen import answer


class Distill(trainer.Trainer):
    """Trains a whole student on labels and its teacher's softened answers.

    The published code leaves stem and head frozen here; the paper trains them,
    and so does this. The metrics are `total` (L_KD), `hard` and `soft` (without
    τ²).

    Args:
        teacher: any model; never changed. Where it answers for classes or
            labels it returns logits.
        student: any model that returns as many.
        alpha: in [0, 1], multiplies the hard loss; 1 − alpha multiplies the
            soft one.
        temperature: τ > 0, divides both logits of the soft loss.
        outputs: what the models answer with; by default classes, weighed by
            `alpha` and `temperature`.
        teacher_dtype: in which the teacher computes: "float32", "float16",
            "bfloat16" or "auto" (see `teacher.dtype_for`).
        frozen: the teacher's twin, as another trainer has it; by default it is
            made here, of the teacher's present weights.
        **kwargs: of `keras.Model`.

    Raises:
        SettingsError: the outputs differ in shape, or a weight is out of range.
    """

    def __init__(
        self,
        teacher: keras.Model,
        student: keras.Model,
        *,
        alpha: float = config.Loss.alpha,
        temperature: float = config.Loss.temperature,
        outputs: Outputs | None = None,
        teacher_dtype: str = config.Frozen.teacher_dtype,
        frozen: keras.Model | None = None,
        **kwargs: Any,
    ):
        config.check_loss(alpha, temperature, beta=1.0)
        outputs = outputs or Classes(alpha=alpha, temperature=temperature)
        if teacher.output_shape != student.output_shape:
            raise errors.SettingsError(
                "Teacher and student must have outputs of one shape. "
                f"Received: teacher {teacher.output_shape}, "
                f"student {student.output_shape}."
            )
        names = ("hard", "soft", "total")
        super().__init__(
            student,
            teacher,
            names,
            outputs=outputs,
            teacher_dtype=teacher_dtype,
            frozen=frozen,
            **kwargs,
        )

    def terms(self, x, y, *, training):
        x, _, z_t = answer(self.frozen, x)
        z_s = self.student(x, training=training)
        terms = self.outputs.terms(y, z_t, z_s)
        return terms | {"total": terms.pop("kd")}, z_s
