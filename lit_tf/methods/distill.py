"""`Distill`: phase `fine_tune`, and the baseline knowledge distillation."""

from typing import Any

import keras

from lit_tf import config, errors
from lit_tf.methods.distillation_trainer import DistillationTrainer
from lit_tf.outputs import Classes, Outputs
from lit_tf.sections import functional


class Distill(DistillationTrainer):
    """Trains a whole student on L_KD: its labels and its teacher's outputs.

    This is knowledge distillation (Hinton et al., 2015), and L_KD of the
    paper's section 3.2. Stem and head are trained too, as in the paper; the
    published code leaves them frozen. The metrics are `total` (L_KD), `hard`
    and `soft` (without τ²).

    Example:
    ```python
    import lit_tf

    digits = lit_tf.data.load(lit_tf.config.Data(dataset="digits"))
    # `Teach` trains a teacher.
    teacher = lit_tf.models.get("resnet14")(**digits.form)
    student = lit_tf.models.get("resnet8")(**digits.form)
    trainer = lit_tf.Distill(teacher, student, alpha=0.95, temperature=6)
    trainer.compile(lit_tf.SGD(0.02, momentum=0.9, weight_decay=1e-4))
    trainer.fit(digits.train.inputs, digits.train.labels, epochs=2)
    ```

    Args:
        teacher: the model to distil from; never changed. For classes or labels
            it returns logits.
        student: the model to train, with outputs of the teacher's shape.
        alpha: in [0, 1], the weight of the hard loss; 1 − alpha is the weight
            of the soft loss; default 0.95.
        temperature: τ > 0, which divides both logits of the soft loss; default
            6.
        outputs: the kind of output of both models;
            `Classes(alpha=alpha, temperature=temperature)` when None.
        teacher_dtype: the dtype in which the teacher computes (see
            `DistillationTrainer`).
        frozen: a frozen copy of the teacher; created when None.
        **kwargs: arguments of `keras.Model`.

    Raises:
        SettingsError: if a model is subclassed, the outputs differ in shape, or
            a weight is out of its range.
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
        for model in (teacher, student):
            functional.require_functional(model)
        if teacher.output_shape != student.output_shape:
            raise errors.SettingsError(
                "Teacher and student must have outputs of the same shape. "
                f"Received: teacher {teacher.output_shape}, "
                f"student {student.output_shape}."
            )
        super().__init__(
            teacher,
            student,
            (*(name for name in outputs.names if name != "kd"), "total"),
            outputs=outputs,
            teacher_dtype=teacher_dtype,
            frozen=frozen,
            **kwargs,
        )

    def terms(self, x, y, *, training):
        x, _, z_t = self.run_teacher(x, training=training)
        z_s = self.reader(training=training)(x, training=training)
        terms = self.outputs.terms(y, z_t, z_s)
        return terms | {"total": terms.pop("kd")}, z_s
