"""`LIT`: phase `lit`, the paper's section 3."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from lit_tf import config
from lit_tf.losses import distillation, penalties
from lit_tf.methods import connectors, trainer
from lit_tf.outputs import Classes, Outputs
from lit_tf.sections import compatibility
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.teacher.frozen import answer

# What flows through the sections, by what they are fed: first the stream whose
# penalties are minimised, then those whose distances are only logged.
_STREAMS = {
    "teacher": ("teacher_fed", "student_fed"),
    "student": ("student_fed",),
    "mixed": ("mixed",),
}
# Of the step, counted from 0.
Schedule = Callable[[tf.Tensor], tf.Tensor]


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
        beta: in [0, 1], multiplies L_KD; 1 − beta multiplies L_IR. Or a
            function of the step, such as
            `keras.optimizers.schedules.PolynomialDecay`.
        penalty: "l2", "l1", "smooth_l1", a function of (teacher, student)
            that returns `[batch]` (see `penalties`), or a loss of
            `keras.distillation`.
        section_input: what a section is fed while its penalty is taken:
            "teacher", the teacher's representation (LIT); "student", the
            student's own, so that the penalties reach back through all
            sections; "mixed", of each example one or the other by chance (as
            BERT-of-Theseus does with modules; Xu et al., 2020), in one stream
            that also gives the output.
        connector: "conv1x1" for representations that may differ in channels,
            the student's being fewer: between them lies a trained 1×1
            convolution, whose left inverse makes of the teacher's
            representation what a section is fed (see `connectors`). A stem of
            other channels has a penalty too, `stem/penalty_…`. "none" for
            representations of one shape.
        teacher_probability: of "mixed": that a section is fed the teacher's
            representation, or a function of the step.
        copy_ends: whether the student gets the teacher's stem and head. If
            not, its own are trained.
        seed: of what "mixed" draws.
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
        teacher: SectionedModel,
        student: SectionedModel,
        *,
        alpha: float = config.Loss.alpha,
        temperature: float = config.Loss.temperature,
        beta: float | Schedule = config.Loss.beta,
        penalty: str
        | penalties.Penalty
        | keras.distillation.DistillationLoss = config.Loss.penalty,
        section_input: str = config.Loss.section_input,
        connector: str = config.Loss.connector,
        teacher_probability: float | Schedule = 0.5,
        copy_ends: bool = True,
        seed: int = config.Run.seed,
        outputs: Outputs | None = None,
        teacher_dtype: str = config.Frozen.teacher_dtype,
        frozen: keras.Model | None = None,
        **kwargs: Any,
    ):
        config.check_loss(alpha, temperature, 0.0 if callable(beta) else beta)
        config.check_one_of(config.SECTION_INPUTS, section_input=section_input)
        config.check_one_of(config.CONNECTORS, connector=connector)
        outputs = outputs or Classes(alpha=alpha, temperature=temperature)
        compatibility.check_alike(
            teacher,
            student,
            representations="equal" if connector == "none" else "narrower",
            ends=copy_ends,
        )
        if copy_ends:
            compatibility.copy_ends(teacher, student)
        between = connectors.between(teacher, student, seed=seed)
        # The first representation that has a penalty: a stem that is no copy
        # and whose channels are others is tied to the teacher's as well.
        first = 0 if between[0].variables else 1
        streams = _STREAMS[section_input]
        names = [
            *(
                penalty_name(k, stream)
                for stream in streams
                for k in range(first, len(between))
            ),
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
        self.section_input = section_input
        self.teacher_probability = teacher_probability
        self.copies_ends = copy_ends
        self.seed = seed
        self.connectors = between
        self.first = first

    @property
    def trained_variables(self) -> list[keras.Variable]:
        parts = [self.student]
        if self.copies_ends:
            parts = self.student.sections
        return [
            variable
            for part in (*parts, *self.connectors)
            for variable in part.trainable_variables
        ]

    @property
    def state(self) -> dict[str, list[keras.Variable]]:
        between = [v for c in self.connectors for v in c.variables]
        return super().state | ({"connectors": between} if between else {})

    def terms(self, x, y, *, training):
        # The teacher once: T_0 … T_K and z_t, without gradient.
        x, T, z_t = answer(self.frozen, x)

        # The sections' outputs by stream; the student's output is that of the
        # last of them.
        flow = {"teacher": self._fed_both, "student": self._fed_own}
        flow = flow.get(self.section_input, self._fed_mixed)
        S_0 = self._S_0(x, T, training)
        fed = {k: self.connectors[k].down(T_k) for k, T_k in T.items()}
        streams = flow(S_0, fed, training)
        ends = training and not self.copies_ends
        z_s = self.student.head(list(streams.values())[-1][-1], training=ends)

        # l(T_k, S_k(T_{k−1})), and beside it l(T_k, S_k), which is only logged.
        minimised, *logged = streams
        for name in logged:
            streams[name] = [tf.stop_gradient(made) for made in streams[name]]
        distances = {
            name: {
                k: self.penalty(T[k], self.connectors[k].up(made))
                for k, made in enumerate((S_0, *stream))
                if k >= self.first
            }
            for name, stream in streams.items()
        }

        ir = tf.add_n(list(distances[minimised].values()))
        compared = self.outputs.terms(y, z_t, z_s)
        beta = self._now(self.beta)
        total = distillation.lit(compared["kd"], ir, beta=beta)
        named = {
            penalty_name(k, name): value
            for name, values in distances.items()
            for k, value in values.items()
        }
        return {**named, "ir": ir, **compared, "total": total}, z_s

    def _S_0(self, x, T, training):
        if not self.copies_ends:
            return self.student.stem(x, training=training)
        # The stem is the teacher's frozen copy, so S_0 = T_0 and need not be
        # computed, unless the teacher's has fewer digits.
        symbolic = self.student.representations[0]
        if 0 in T and _digits(T[0]) >= _digits(symbolic):
            return T[0]
        return self.student.stem(x, training=False)

    def _fed_both(self, S_0, T, training):
        sections = self.student.sections
        # Sections fed the teacher's representation. (First, because what a
        # section adds to the loss by itself is that of its latest pass.) While
        # the stem is a copy, section 1 is fed it in the student's own stream.
        copied = self.copies_ends
        fed = [
            _unrecorded(section, T[k - 1], training=training)
            for k, section in enumerate(sections, 1)
            if k > copied
        ]
        # The student's own stream S_1 … S_K, which BatchNorm records.
        own = self._fed_own(S_0, T, training)["student_fed"]
        return {"teacher_fed": own[:copied] + fed, "student_fed": own}

    def _fed_own(self, S_0, T, training):
        own = [S_0]
        for section in self.student.sections:
            own.append(section(own[-1], training=training))
        return {"student_fed": own[1:]}

    def _fed_mixed(self, S_0, T, training):
        share = self._now(self.teacher_probability)
        own = [S_0]
        for k, section in enumerate(self.student.sections, 1):
            fed = own[-1]
            # What is judged is the student alone.
            if training and not (k == 1 and self.copies_ends):
                fed = tf.where(
                    self._drawn(k, fed) < share,
                    tf.cast(T[k - 1], fed.dtype),
                    fed,
                )
            own.append(section(fed, training=training))
        return {"mixed": own[1:]}

    def _drawn(self, k, tensor):
        """Returns a number in [0, 1) an example, to be had again at a step."""
        context = tf.distribute.get_replica_context()
        replica = context.replica_id_in_sync_group if context else 0
        seed = tf.stack([self.seed * 64 + k, replica])
        seed = tf.random.experimental.stateless_fold_in(
            tf.cast(seed, tf.int64),
            tf.cast(tf.convert_to_tensor(self.optimizer.iterations), tf.int64),
        )
        shape = [tf.shape(tensor)[0], *[1] * (tensor.shape.rank - 1)]
        return tf.random.stateless_uniform(shape, seed)

    def _now(self, value):
        return value(self.optimizer.iterations) if callable(value) else value


def penalty_name(k: int, stream: str = "teacher_fed") -> str:
    """Returns the name of section k's penalty on a stream.

    Args:
        k: from 1; 0 for the stem.
        stream: "teacher_fed", "student_fed" or "mixed".
    """
    part = f"section_{k}" if k else "stem"
    return f"{part}/penalty_{stream}"


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
