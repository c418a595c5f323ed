"""Streams: what each section of the student reads while LIT trains it.

A stream is the list S_1 … S_K of the sections' outputs. A class for each value
of `section_input` computes the streams of one step:

- "teacher", `TeacherFed`: section k reads the teacher's T_{k−1}. This is LIT
  (the paper's section 3.1).
- "student", `StudentFed`: section k reads the student's own S_{k−1}.
- "mixed", `Mixed`: each example is one or the other at random.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import tensorflow as tf

from lit_tf.losses import masks
from lit_tf.methods import microbatches, replicas
from lit_tf.sections.context import BoundPart

# A function of the optimizer's step, an integer scalar counted from 0.
StepFunction = Callable[[tf.Tensor], tf.Tensor]


class Streams(Protocol):
    """Computes the streams of a step.

    Attributes:
        names: the streams' names, as the metrics have them. The penalties of
            the first stream are minimised; those of the others are only logged.
            The last stream gives the student's output.
    """

    names: tuple[str, ...]

    def __call__(
        self,
        sections: Sequence[BoundPart],
        S_0: tf.Tensor,
        T: Mapping[int, tf.Tensor],
        *,
        training: bool,
        stem_copied: bool,
    ) -> dict[str, list[tf.Tensor]]:
        """Computes every stream.

        Args:
            sections: the student's K sections, with the batch's context.
            S_0: `[batch, ...]`, the output of the student's stem.
            T: the teacher's T_0 … T_{K−1}, each `[batch, ...]`, with the
                student's number of channels.
            training: whether the sections run in training mode.
            stem_copied: whether the student's stem is the teacher's, so that
                S_0 = T_0 and `T` may lack T_0.

        Returns:
            The outputs of sections 1 … K, by the stream's name.
        """


class TeacherFed:
    """Runs each section on the teacher's representation, and on its own."""

    names = ("teacher_fed", "student_fed")

    def __call__(self, sections, S_0, T, *, training, stem_copied):
        # If the stem is a copy, S_0 = T_0: one pass of section 1 serves both
        # streams. The published code runs it twice.
        copied = int(stem_copied)
        # This stream runs first, because the losses that a layer adds are those
        # of its latest pass.
        # BatchNorm's moving statistics record the student's own stream alone,
        # which is what the student sees in use. The published code updates them
        # on both streams.
        teacher_fed = [
            section.unrecorded(T[k - 1], training=training)
            for k, section in enumerate(sections, 1)
            if k > copied
        ]
        student_fed = _student_fed(sections, S_0, training)
        return {
            "teacher_fed": student_fed[:copied] + teacher_fed,
            "student_fed": student_fed,
        }


class StudentFed:
    """Runs each section on the output of the section before it.

    A penalty then reaches all sections up to its own.
    """

    names = ("student_fed",)

    def __call__(self, sections, S_0, T, *, training, stem_copied):
        return {"student_fed": _student_fed(sections, S_0, training)}


class Mixed:
    """Draws for each example and section which of the two the section reads.

    The modules of BERT-of-Theseus are replaced in this way (Xu et al., 2020).
    In evaluation every section reads the student's own representation.

    Args:
        teacher_probability: in [0, 1], the probability that a section reads the
            teacher's representation; or a function of the step.
        seed: the seed of the draws, which depend on (seed, section, replica,
            microbatch, step), so that a resumed run repeats them.
        step: returns the current step, an integer scalar.
    """

    names = ("mixed",)

    def __init__(
        self,
        teacher_probability: float | StepFunction,
        *,
        seed: int,
        step: Callable[[], tf.Tensor],
    ):
        self._teacher_probability = teacher_probability
        self._seed = seed
        self._step = step

    def __call__(self, sections, S_0, T, *, training, stem_copied):
        S = [S_0]
        for k, section in enumerate(sections, 1):
            inputs = S[-1]
            # With a copied stem both inputs of section 1 are the same.
            if training and not (k == 1 and stem_copied):
                from_teacher = tf.cast(T[k - 1], inputs.dtype)
                mixed = tf.where(self._draw(k, inputs), from_teacher, inputs)
                inputs = masks.keep(mixed, inputs)
            S.append(section(inputs, training=training))
        return {"mixed": S[1:]}

    def _draw(self, k, inputs):
        """Returns for each example whether section k reads the teacher's."""
        step = self._step()
        probability = at_step(self._teacher_probability, self._step)
        seed = tf.random.experimental.stateless_fold_in(
            tf.stack([self._seed * 64 + k, tf.cast(self._place(), tf.int64)]),
            tf.cast(tf.convert_to_tensor(step), tf.int64),
        )
        shape = [tf.shape(inputs)[0], *[1] * (inputs.shape.rank - 1)]
        return tf.random.stateless_uniform(shape, seed) < probability

    def _place(self):
        # A number for each part of a batch.
        return replicas.replica_id() + 2**20 * microbatches.number()


def get(
    section_input: str,
    *,
    teacher_probability: float | StepFunction,
    seed: int,
    step: Callable[[], tf.Tensor],
) -> Streams:
    """Returns the streams of a `section_input`.

    Args:
        section_input: "teacher", "student" or "mixed".
        teacher_probability: argument of `Mixed`; others ignore it.
        seed: argument of `Mixed`.
        step: argument of `Mixed`.
    """
    if section_input == "mixed":
        return Mixed(teacher_probability, seed=seed, step=step)
    return {"teacher": TeacherFed, "student": StudentFed}[section_input]()


def at_step(
    value: float | StepFunction, step: Callable[[], tf.Tensor]
) -> float | tf.Tensor:
    """Returns a value, or what a schedule gives at the current step.

    Args:
        value: a number or a function of the step.
        step: returns the current step; called for a schedule only.
    """
    return value(step()) if callable(value) else value


def _student_fed(sections, S_0, training):
    S = [S_0]
    for section in sections:
        S.append(section(S[-1], training=training))
    return S[1:]
