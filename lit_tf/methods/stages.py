"""Stages of every method: LIT and its baselines.

Every method has the same two phases, `lit` and `fine_tune`, with their
schedules, so two methods have equal budgets unless a setting changes that. The
functions below say which trainer each method uses in them.
"""

import dataclasses
from collections.abc import Callable, Iterator

import keras

from lit_tf.config import Compress, method_table
from lit_tf.methods import (
    channel_pruning,
    distill,
    fitnets,
    lit,
    network_slimming,
    supervised,
    trainer,
)
from lit_tf.outputs import Outputs
from lit_tf.sections import initial_weights
from lit_tf.sections.sectioned_model import SectionedModel


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """A trainer and the phase in which it trains.

    Args:
        name: the name of its checkpoint and its logs.
        phase: "lit" or "fine_tune": the phase whose settings apply.
        trainer: the trainer.
    """

    name: str
    phase: str
    trainer: trainer.Trainer


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair:
    """The models and settings from which a method starts.

    Args:
        settings: the settings of the compression.
        teacher: the teacher, K sections, float32.
        student: the new student, K sections, under the run's dtype policy.
        frozen: the frozen teacher; None to create one for each trainer.
        copy: a function: model → its copy under the run's dtype policy, with
            the same weights, all layers of which are trainable.
        new_student: a function without arguments that builds one more student
            with the initial weights of `student`.
        steps: training steps of phase lit.
        outputs: the kind of output of both; classes, with the losses of the
            settings, when None.
    """

    settings: Compress
    teacher: SectionedModel
    student: SectionedModel
    frozen: keras.Model | None
    copy: Callable[[SectionedModel], SectionedModel]
    new_student: Callable[[], SectionedModel]
    steps: int
    outputs: Outputs | None = None


def method_stages(pair: Pair) -> Iterator[Stage]:
    """Yields the stages of the method that the settings name.

    Args:
        pair: teacher, student and settings.

    Yields:
        The stages, in the order in which they are trained.
    """
    return method_table.get(pair.settings.method).load()(pair)


def lit_trainer(pair: Pair, **changes) -> lit.LIT:
    """Returns the `LIT` trainer that the settings describe.

    Args:
        pair: teacher and student.
        **changes: arguments of `LIT` that replace those of the settings.
    """
    settings, loss = pair.settings, pair.settings.loss
    beta = _falling(loss.beta, pair.steps) if loss.falling_beta else loss.beta
    arguments = {
        "beta": beta,
        "penalty": loss.penalty,
        "section_input": loss.section_input,
        "connector": loss.connector,
        "teacher_probability": _falling(1.0, pair.steps),
        "copy_ends": settings.copy_ends,
        "seed": settings.compute.seed,
        "outputs": pair.outputs,
        "frozen": pair.frozen,
        **_kd_arguments(pair),
    }
    return lit.LIT(pair.teacher, pair.student, **arguments | changes)


def copy_initial_weights(pair: Pair) -> None:
    """Copies the teacher's blocks and ends to the student, as settings say."""
    if pair.settings.init == "teacher_blocks":
        initial_weights.copy_blocks(pair.teacher, pair.student)
    if pair.settings.copy_ends:
        initial_weights.copy_ends(pair.teacher, pair.student)


def lit_stages(pair: Pair) -> Iterator[Stage]:
    """Yields the stages of LIT (the paper's section 3).

    Sections learn the teacher's representations; then the whole student is
    trained by KD.

    Args:
        pair: teacher, student and settings.

    Yields:
        One stage of phase lit and, unless `fine_tune` is off, one of phase
        fine_tune.
    """
    copy_initial_weights(pair)
    yield Stage(name="lit", phase="lit", trainer=lit_trainer(pair))
    if pair.settings.with_fine_tune:
        yield _distilled(pair, "fine_tune")


def scratch_stages(pair: Pair) -> Iterator[Stage]:
    """Yields the stages of training on labels alone, from random weights.

    Args:
        pair: teacher, student and settings.

    Yields:
        One stage of phase lit and one of phase fine_tune.
    """
    yield from _on_labels(pair)


def scratch_copied_stages(pair: Pair) -> Iterator[Stage]:
    """Yields the stages of training on labels alone, from the teacher's ends.

    The student starts with copies of the teacher's stem and head.

    Args:
        pair: teacher, student and settings.

    Yields:
        One stage of phase lit and one of phase fine_tune.
    """
    copy_initial_weights(pair)
    yield from _on_labels(pair)


def kd_stages(pair: Pair) -> Iterator[Stage]:
    """Yields the stages of KD (Hinton et al., 2015) of the whole student.

    Args:
        pair: teacher, student and settings.

    Yields:
        One stage of phase lit and one of phase fine_tune.
    """
    copy_initial_weights(pair)
    yield _distilled(pair, "lit")
    yield _distilled(pair, "fine_tune")


def hint_stages(pair: Pair) -> Iterator[Stage]:
    """Yields the stages of FitNets (Romero et al., 2015): a hint, then KD.

    Args:
        pair: teacher, student and settings.

    Yields:
        One stage of phase lit and one of phase fine_tune.
    """
    copy_initial_weights(pair)
    first = fitnets.Hint(
        pair.teacher,
        pair.student,
        penalty=pair.settings.loss.penalty,
        copy_ends=pair.settings.copy_ends,
        outputs=pair.outputs,
        frozen=pair.frozen,
    )
    yield Stage(name="lit", phase="lit", trainer=first)
    yield _distilled(pair, "fine_tune")


def multi_hint_stages(pair: Pair) -> Iterator[Stage]:
    """Yields the stages of training with a hint at every section.

    Penalties and KD along the student's own stream, with trained stem and
    head; then KD.

    Args:
        pair: teacher, student and settings.

    Yields:
        One stage of phase lit and one of phase fine_tune.
    """
    first = lit_trainer(pair, section_input="student", copy_ends=False)
    yield Stage(name="lit", phase="lit", trainer=first)
    yield _distilled(pair, "fine_tune")


def born_again_stages(pair: Pair) -> Iterator[Stage]:
    """Yields the stages of born-again networks (Furlanello et al., 2018).

    Each generation is trained by KD from the one before, a model of the same
    architecture.

    Args:
        pair: teacher, student and settings.

    Yields:
        For each generation, one stage of phase lit and one of phase fine_tune.
    """
    for generation in range(1, pair.settings.baselines.generations + 1):
        copy_initial_weights(pair)
        suffix = f"_{generation}" if generation > 1 else ""
        yield _distilled(pair, "lit", suffix)
        yield _distilled(pair, "fine_tune", suffix)
        pair = dataclasses.replace(
            pair, teacher=pair.student, student=pair.new_student(), frozen=None
        )


def network_slimming_stages(pair: Pair) -> Iterator[Stage]:
    """Yields the stages of network slimming (Liu et al., 2017).

    A copy of the teacher is trained with an L1 penalty on its BatchNorm scales;
    it is then pruned and trained on labels.

    Args:
        pair: teacher, student and settings.

    Yields:
        One stage of phase lit and one of phase fine_tune.
    """
    baselines = pair.settings.baselines
    slim = network_slimming.Slim(
        pair.copy(pair.teacher),
        sparsity=baselines.sparsity,
        outputs=pair.outputs,
    )
    yield Stage(name="lit", phase="lit", trainer=slim)
    fraction = channel_pruning.fraction_to_prune(
        slim.student, pair.student, baselines.pruned_channels
    )
    selected = channel_pruning.select_channels(
        channel_pruning.prunable_norms(slim.student), fraction
    )
    pruned = channel_pruning.prune(slim.student, selected)
    teach = supervised.Teach(pruned, outputs=pair.outputs)
    yield Stage(name="fine_tune", phase="fine_tune", trainer=teach)


def _on_labels(pair):
    for phase in ("lit", "fine_tune"):
        trainer = supervised.Teach(pair.student, outputs=pair.outputs)
        yield Stage(name=phase, phase=phase, trainer=trainer)


def _distilled(pair, phase, suffix=""):
    model = distill.Distill(
        pair.teacher,
        pair.student,
        teacher_dtype=pair.settings.frozen.teacher_dtype,
        outputs=pair.outputs,
        frozen=pair.frozen,
        **_kd_arguments(pair),
    )
    return Stage(name=phase + suffix, phase=phase, trainer=model)


def _kd_arguments(pair):
    loss = pair.settings.loss
    return {"alpha": loss.alpha, "temperature": loss.temperature}


def _falling(value, steps):
    return keras.optimizers.schedules.PolynomialDecay(value, max(1, steps), 0.0)
