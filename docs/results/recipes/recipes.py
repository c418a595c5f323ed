"""Variants of LIT, as methods of their own: the candidates of `trials.sh`.

    lit-compress --custom_objects=recipes --method=NAME …

with the folder of this file in PYTHONPATH. What flags of `lit-compress` can say
needs no method: it is a row of `trials.sh`.

- `lit_all`: the whole student is trained in phase `lit`, copied ends included.
- `lit_mean`: as `lit`, but a block of the student starts as the mean of the
  teacher's blocks that it stands for.
- `lit_chosen`, `kd_chosen`: as `lit` and `kd`, but each section of the student
  starts with those blocks of the teacher's section that give the smallest
  penalty on 256 training images, instead of evenly spaced ones. The file of the
  images is in the environment variable `RECIPES_DATA`.
- `lit_rising`: as `lit_all`, in phase `lit` alone, with a β that rises from
  0.25 to 1: KD with penalties that fade.
- `lit_tail`: the answers that the teacher's later sections and head give to the
  output of a student's section take the place of penalties.
"""

import itertools
import os

import keras
import tensorflow as tf

from lit_tf import config, data
from lit_tf.config import method_table
from lit_tf.methods import lit, stages
from lit_tf.sections import block_search
from lit_tf.sections.chain import layers_of
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.teacher import frozen


def lit_all(pair):
    """Yields the stages of LIT with trained ends that start as copies."""
    stages.copy_initial_weights(pair)
    yield from _in_turn(pair, stages.lit_trainer(pair, copy_ends=False))


def lit_rising(pair):
    """Yields one stage of LIT with trained ends and a rising β."""
    stages.copy_initial_weights(pair)
    beta = keras.optimizers.schedules.PolynomialDecay(0.25, pair.steps, 1.0)
    trainer = stages.lit_trainer(pair, copy_ends=False, beta=beta)
    yield stages.Stage(name="lit", phase="lit", trainer=trainer)


def lit_mean(pair):
    """Yields the stages of LIT from means of the teacher's blocks."""
    stages.copy_initial_weights(pair)
    for source, target in zip(
        pair.teacher.sections, pair.student.sections, strict=True
    ):
        _copy_means(source, target)
    yield from _in_turn(pair, stages.lit_trainer(pair))


def lit_chosen(pair):
    """Yields the stages of LIT from the blocks of the smallest penalties."""
    stages.copy_initial_weights(pair)
    _copy_best(pair)
    yield from _in_turn(pair, stages.lit_trainer(pair))


def kd_chosen(pair):
    """Yields the stages of KD from the blocks of the smallest penalties."""
    stages.copy_initial_weights(pair)
    _copy_best(pair)
    yield stages._distilled(pair, "lit")
    yield stages._distilled(pair, "fine_tune")


def lit_tail(pair):
    """Yields the stages of LIT with the teacher's answers as penalties."""
    stages.copy_initial_weights(pair)
    loss = pair.settings.loss
    trainer = Tail(
        pair.teacher,
        pair.student,
        alpha=loss.alpha,
        temperature=loss.temperature,
        beta=loss.beta,
        frozen=pair.frozen,
    )
    yield from _in_turn(pair, trainer)


class Tail(lit.LIT):
    """LIT whose penalty of section k is L_KD of the teacher's answer to it.

    L_IR = Σ_k L_KD(y, z_t, (head ∘ T-section_K ∘ … ∘ T-section_{k+1})(
    S_k(T_{k−1}))), over sections 1 … K, with the teacher's sections and head,
    frozen.
    """

    def __init__(
        self, teacher: SectionedModel, student: SectionedModel, **more
    ):
        super().__init__(teacher, student, **more)
        dtype = frozen.dtype_for(student)
        tails = [
            frozen.freeze(_tail(teacher, k), dtype)
            for k in range(1, len(teacher.sections) + 1)
        ]
        # Not an attribute that Keras would save.
        object.__setattr__(self, "tails", tails)

    def terms(self, x, y, *, training):
        x, T, z_t = self.run_teacher(x, training=training)
        *sections, head = self.student.bind(())
        S = self.streams(sections, T[0], T, training=training, stem_copied=True)
        z_s = head(S["student_fed"][-1])
        kd = self.outputs.terms(y, z_t, z_s)
        answers = {
            k: self.outputs.terms(y, z_t, tail(S_k, training=False))["kd"]
            for k, (tail, S_k) in enumerate(
                zip(self.tails, S["teacher_fed"], strict=True), 1
            )
        }
        ir = tf.add_n(list(answers.values()))
        total = self.beta * kd["kd"] + (1 - self.beta) * ir
        # Along the student's own stream, the usual penalty, only logged.
        own = {
            lit.penalty_name(k, "student_fed"): self.penalty(
                T[k], tf.stop_gradient(S_k)
            )
            for k, S_k in enumerate(S["student_fed"], 1)
        }
        fed = {lit.penalty_name(k): value for k, value in answers.items()}
        return {**fed, **own, "ir": ir, **kd, "total": total}, z_s


def _tail(teacher, k):
    """Returns the teacher's sections behind section k, and its head."""
    x = inputs = keras.Input(teacher.representations[k].shape[1:])
    for part in (*teacher.sections[k:], teacher.head):
        x = part(x)
    return keras.Model(inputs, x, name=f"{teacher.name}_tail_{k}")


def _copy_means(source, target):
    """Sets a section's blocks to means of the teacher's that have their shape.

    A block of the student stands for as many of the teacher's as the others do;
    of these only those whose weights have its shapes count.
    """
    teacher, student = map(block_search.find_blocks, (source, target))
    share = teacher.count // student.count
    # A block that changes the shape counts, but is not in `blocks`.
    first = teacher.count - len(teacher.blocks)
    blocks = _weights_of_blocks(teacher)
    for j, target in enumerate(_weights_of_blocks(student), first):
        shapes = [v.shape for v in target]
        group = [
            [v.numpy() for v in block]
            for block in blocks[j * share - first : (j + 1) * share - first]
            if [v.shape for v in block] == shapes
        ]
        for variable, *values in zip(target, *group, strict=True):
            variable.assign(sum(values) / len(values))


def _copy_best(pair):
    """Sets a section's blocks to those of the teacher's with the least penalty.

    Each section is fed the teacher's representation, and its BatchNorm has the
    statistics of the batch.
    """
    cifar10 = data.load(
        config.Data(dataset="npz"), data_dir=os.environ["RECIPES_DATA"]
    )
    x = pair.teacher.stem(cifar10.train.inputs[:256], training=False)
    for source, target in zip(
        pair.teacher.sections, pair.student.sections, strict=True
    ):
        y = source(x, training=False)
        teacher, student = map(block_search.find_blocks, (source, target))
        # Not the section itself, whose moving statistics would change.
        trial = keras.models.clone_model(target)
        trial.set_weights(target.get_weights())
        of_teacher, of_student, of_trial = map(
            _weights_of_blocks,
            (teacher, student, block_search.find_blocks(trial)),
        )
        penalties = {}
        for chosen in itertools.combinations(
            range(len(of_teacher)), len(of_student)
        ):
            _copy(of_teacher, chosen, of_trial)
            error = tf.cast(trial(x, training=True), y.dtype) - y
            penalties[chosen] = float(tf.reduce_mean(error**2))
        best = min(penalties, key=penalties.get)
        _copy(of_teacher, best, of_student)
        kept = [1 + i for i in best]
        print(f"{target.name}: {kept}, penalty {penalties[best]:.4g}")
        x = y


def _weights_of_blocks(chain):
    """Returns the variables of each block."""
    return [
        [v for layer in layers_of(chain.calls_of(block)) for v in layer.weights]
        for block in chain.blocks
    ]


def _copy(sources, chosen, targets):
    for i, target in zip(chosen, targets, strict=True):
        for variable, value in zip(target, sources[i], strict=True):
            variable.assign(value)


def _in_turn(pair, trainer):
    yield stages.Stage(name="lit", phase="lit", trainer=trainer)
    yield stages._distilled(pair, "fine_tune")


for _name, _about, _ends in (
    ("lit_all", "LIT, copied ends trained", "copied, trained"),
    ("lit_rising", "LIT, all trained with a rising β", "copied, trained"),
    ("lit_mean", "LIT, from means of blocks", "copied, frozen"),
    ("lit_chosen", "LIT, from chosen blocks", "copied, frozen"),
    ("kd_chosen", "KD, from chosen blocks", "copied, trained"),
    ("lit_tail", "LIT, penalties by the teacher's answers", "copied, frozen"),
):
    method_table.register(
        method_table.Method(
            name=_name,
            about=_about,
            stages=f"{__name__}:{_name}",
            settings=("init", "section_input", "falling_beta"),
            ends=_ends,
            compares=True,
        )
    )
