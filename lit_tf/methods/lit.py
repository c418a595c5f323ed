"""`LIT`: phase `lit`, the paper's section 3 (see `docs/method.md`)."""

from typing import Any

import keras
import tensorflow as tf

from lit_tf import config
from lit_tf.losses import distillation, masks, penalties
from lit_tf.methods import connectors, streams
from lit_tf.methods.distillation_trainer import (
    DistillationTrainer,
    check_outputs,
)
from lit_tf.methods.streams import at_step
from lit_tf.outputs import Classes, Outputs
from lit_tf.sections import compatibility, initial_weights, shrink
from lit_tf.sections.context import divide
from lit_tf.sections.sectioned_model import SectionedModel


class LIT(DistillationTrainer):
    """Trains a student's sections on its teacher's representations.

    The student's stem and head become copies of the teacher's, frozen and in
    inference mode; only the sections are trained. `Distill` fine-tunes the
    student afterwards.

    The defaults are the paper's LIT. Its variants are two objects that `terms`
    calls: what a section reads (`section_input`, see `methods.streams`) and
    what joins representations of different width (`connector`, see
    `methods.connectors`).

    The metrics are `total` (L), `kd` (L_KD) and its parts (for classes `hard`
    and `soft`, the latter without τ²), `ir` (L_IR), and for each section k
    `section_k/penalty_teacher_fed`, its part of L_IR, and
    `section_k/penalty_student_fed`, the same distance along the student's own
    stream. LIT does not minimise the latter; the paper argues that it falls
    too.

    Example:
    ```python
    import lit_tf

    digits = lit_tf.data.load(lit_tf.config.Data(dataset="digits"))
    # `Teach` trains a teacher.
    teacher = lit_tf.models.get("resnet14")(**digits.form)
    student = lit_tf.models.get("resnet8")(**digits.form)
    trainer = lit_tf.LIT(teacher, student, beta=0.75)
    trainer.compile(lit_tf.SGD(0.025, momentum=0.9, weight_decay=1e-4))
    trainer.fit(digits.train.inputs, digits.train.labels, epochs=2)
    ```

    Args:
        teacher: the model to distil from, with K sections; never changed. A
            model without sections is cut where `plan` suggests.
        student: the model to train, with K sections, whose representations have
            the shapes of the teacher's. With `copy_ends` the teacher's weights
            are copied into its stem and head at construction.
        alpha: in [0, 1], the weight of the hard loss within L_KD; 1 − alpha is
            the weight of the soft loss; default 0.95.
        temperature: τ > 0, which divides both logits of the soft loss; default
            6.
        beta: in [0, 1], the weight of L_KD; 1 − beta is the weight of L_IR;
            default 0.75. A function of the step, such as
            `keras.optimizers.schedules.PolynomialDecay`, is also accepted.
        penalty: l, the distance of two representations: "l2" (default), "l1",
            "smooth_l1", "l2_normalized", a function of (teacher, student) that
            returns `[batch]` (see `losses.penalties`), or a loss of
            `keras.distillation`.
        section_input: what a section reads when its penalty is computed:
            "teacher" (default), the teacher's representation, as in LIT;
            "student", the student's own, so that a penalty reaches all earlier
            sections; or "mixed", one of the two at random for each example.
        connector: "none" (default) for representations of equal shapes;
            "conv1x1" for a student with fewer channels. It adds a trained 1×1
            convolution between representations that differ, and its left
            inverse (see `methods.connectors`). If the stem's channels differ,
            it has a penalty too, `stem/penalty_…`.
        teacher_probability: in [0, 1], for "mixed" the probability that a
            section reads the teacher's representation, or a function of the
            step; default 0.5.
        copy_ends: whether the student's stem and head are the teacher's;
            default True. If False, the student's own are trained.
        seed: the seed of connectors and of the draws of "mixed"; default 0.
        outputs: the kind of output of both models, which defines L_KD;
            `Classes(alpha=alpha, temperature=temperature)` when None.
        teacher_dtype: the dtype in which the teacher computes (see
            `DistillationTrainer`).
        frozen: a frozen copy of the teacher; created when None.
        **kwargs: arguments of `keras.Model`.

    Raises:
        SettingsError: if teacher and student do not match, or a weight is out
            of its range.
    """

    reads_representations = True

    def __init__(
        self,
        teacher: keras.Model,
        student: SectionedModel,
        *,
        alpha: float = config.Loss.alpha,
        temperature: float = config.Loss.temperature,
        beta: float | streams.StepFunction = config.Loss.beta,
        penalty: str
        | penalties.Penalty
        | keras.distillation.DistillationLoss = config.Loss.penalty,
        section_input: str = config.Loss.section_input,
        connector: str = config.Loss.connector,
        teacher_probability: float | streams.StepFunction = 0.5,
        copy_ends: bool = True,
        seed: int = config.Compute.seed,
        outputs: Outputs | None = None,
        teacher_dtype: str = config.Frozen.teacher_dtype,
        frozen: keras.Model | None = None,
        **kwargs: Any,
    ):
        config.check_loss(alpha, temperature, 0.0 if callable(beta) else beta)
        config.check_one_of(config.SECTION_INPUTS, section_input=section_input)
        config.check_one_of(config.CONNECTORS, connector=connector)
        outputs = outputs or Classes(alpha=alpha, temperature=temperature)
        teacher = shrink.with_sections(teacher)
        check_outputs(outputs, teacher, student)
        compatibility.check_alike(
            teacher,
            student,
            representations="equal" if connector == "none" else "narrower",
            ends=copy_ends,
        )
        connector_layers = connectors.connect(teacher, student, seed=seed)
        # A stem with connectors of its own is not a copy: it has a penalty too.
        first = 0 if connector_layers[0].variables else 1
        section_streams = streams.get(
            section_input,
            teacher_probability=teacher_probability,
            seed=seed,
            step=self._step,
        )
        names = [
            penalty_name(k, stream)
            for stream in section_streams.names
            for k in range(first, len(connector_layers))
        ]
        super().__init__(
            teacher,
            student,
            [*names, "ir", *outputs.names, "total"],
            outputs=outputs,
            teacher_dtype=teacher_dtype,
            frozen=frozen,
            **kwargs,
        )
        if copy_ends:
            initial_weights.copy_ends(teacher, student)
        self.beta = beta
        self.penalty = penalties.get(penalty)
        self.section_input = section_input
        self.teacher_probability = teacher_probability
        self.seed = seed
        self.streams = section_streams
        self.copies_ends = copy_ends
        self.connectors = connector_layers
        self._first_penalty = first

    def terms(self, x, y, *, training):
        # The teacher runs once: T_0 … T_K and z_t, without a gradient.
        x, T, z_t = self.run_teacher(x, training=training)
        S_0, context = self._stem(x, T, training)
        *sections, head = self.student.bind(context)
        T = _with_masks(T, S_0, sections)
        # Before an attention reads the tensors and removes their masks.
        real = masks.of_each({0: S_0} | T, self.student.mask(context))

        # Two streams: S_k(T_{k−1}), whose penalties are minimised, and the
        # student's own S_k, which ends in z_s.
        S = self.streams(
            sections,
            S_0,
            {
                k: masks.keep(self.connectors[k].down(T_k), T_k)
                for k, T_k in T.items()
            },
            training=training,
            stem_copied=self.copies_ends,
        )
        *_, own = S.values()
        ends_train = training and not self.copies_ends
        z_s = head(own[-1], training=ends_train)

        # l(T_k, S_k(T_{k−1})) (the paper's section 3.1), and l(T_k, S_k), which
        # is only logged and therefore has no gradient.
        minimized, *logged = S
        for name in logged:
            S[name] = [tf.stop_gradient(S_k) for S_k in S[name]]
        distances = {
            name: {
                k: self.penalty(
                    masks.attach(T[k], real[k]), self.connectors[k].up(S_k)
                )
                for k, S_k in enumerate((S_0, *stream))
                if k >= self._first_penalty
            }
            for name, stream in S.items()
        }

        # L_IR = Σ_k l(T_k, S_k(T_{k−1})), L = β · L_KD + (1 − β) · L_IR
        # (section 3.2).
        ir = tf.add_n(list(distances[minimized].values()))
        kd = self.outputs.terms(y, z_t, z_s)
        beta = at_step(self.beta, self._step)
        total = distillation.lit(kd["kd"], ir, beta=beta)
        named = {
            penalty_name(k, name): value
            for name, values in distances.items()
            for k, value in values.items()
        }
        return {**named, "ir": ir, **kd, "total": total}, z_s

    @property
    def trained_variables(self) -> list[keras.Variable]:
        """The variables of the sections; of all parts if no end is copied."""
        parts = self.student.sections if self.copies_ends else [self.student]
        return [
            variable
            for part in (*parts, *self.connectors)
            for variable in part.trainable_variables
        ]

    @property
    def state(self) -> dict[str, list[keras.Variable]]:
        """The variables that a checkpoint holds, connectors included."""
        variables = [v for c in self.connectors for v in c.variables]
        if not variables:
            return super().state
        return super().state | {"connectors": variables}

    def _stem(self, x, T, training):
        """Returns S_0 and the context, as far as they must be computed."""
        # The stem is a frozen copy, so that S_0 = T_0, unless the teacher
        # computes in a narrower dtype or T_0 is not in the cache.
        own_dtype = self.student.representations[0].dtype
        copied = self.copies_ends and 0 in T
        copied = copied and _bytes(T[0].dtype) >= _bytes(own_dtype)
        if copied and not any(self.student.reads):
            return T[0], ()
        stem = self.reader(training=training)
        outputs = stem(x, training=training and not self.copies_ends)
        S_0, context = divide(outputs)
        return T[0] if copied else S_0, context

    def _step(self):
        return self.optimizer.iterations


def penalty_name(k: int, stream: str = "teacher_fed") -> str:
    """Returns the name of a section's penalty, as the metrics have it.

    Args:
        k: the number of the section, from 1; 0 for the stem.
        stream: "teacher_fed" (default), "student_fed" or "mixed".
    """
    part = f"section_{k}" if k else "stem"
    return f"{part}/penalty_{stream}"


def _with_masks(T, S_0, sections):
    """Returns the teacher's representations with the masks of Keras.

    A cache does not hold them. They are those of the student's own stream,
    which is computed here for its masks alone.
    """
    if 0 in T or masks.of(S_0) is None:
        return T
    # An attention removes the mask of the very tensor that it reads.
    S = [masks.keep(tf.identity(S_0), S_0)]
    for section in sections:
        S.append(section(S[-1], training=False))
    return {k: masks.keep(T_k, S[k]) for k, T_k in T.items()}


def _bytes(dtype):
    return tf.as_dtype(dtype).size
