"""What trains a student: LIT, and what it is measured against.

Every method has the same two phases, `lit` and `fine_tune`, with their
schedules, so that two methods have the same budget unless somebody changes it.
What differs is who trains in them; each method is read off below.
"""

import dataclasses
from collections.abc import Callable, Iterator

import keras

from lit_tf import config, errors, outputs
from lit_tf.config import methods
from lit_tf.methods import (
    distill,
    fitnets,
    lit,
    network_slimming,
    supervised,
    trainer,
)
from lit_tf.sections import compatibility, cost
from lit_tf.sections.sectioned_model import SectionedModel


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """A trainer and the phase that it trains in.

    Args:
        name: of checkpoints and logs.
        phase: "lit" or "fine_tune", whose settings hold.
        trainer: who trains.
    """

    name: str
    phase: str
    trainer: trainer.Trainer


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair:
    """What a method starts from.

    Args:
        config: the settings.
        teacher: K sections, float32.
        student: K sections, new, under the run's policy.
        frozen: the teacher's twin.
        copy: makes a copy, under the run's policy, of a model with its weights.
        another: makes one more student as new as `student`.
        steps: of phase lit.
    """

    config: config.Compress
    teacher: SectionedModel
    student: SectionedModel
    frozen: keras.Model | None
    copy: Callable[[SectionedModel], SectionedModel]
    another: Callable[[], SectionedModel]
    steps: int


def check(
    settings: config.Compress,
    teacher: SectionedModel,
    student: SectionedModel,
) -> None:
    """Checks that a method can train such a student from such a teacher.

    Raises:
        SettingsError: it cannot; the message says why.
    """
    method = methods.get(settings.method)
    shapes = "any"
    if method.compares:
        shapes = "narrower" if settings.loss.connector != "none" else "equal"
    compatibility.check_alike(
        teacher,
        student,
        representations=shapes,
        ends=method.copies and settings.copy_ends,
    )
    if settings.method == "born_again" and _shape(teacher) != _shape(student):
        raise errors.SettingsError(
            "A born-again student has its teacher's shape. Received: teacher "
            f"{teacher.name}, student {student.name}."
        )
    if settings.init == "teacher_blocks":
        compatibility.check_blocks(teacher, student)
    if settings.method == "network_slimming":
        _to_prune(settings, teacher, student)


def describe_training(settings: config.Compress) -> tuple[str, str]:
    """Returns what becomes of the ends and of the sections in phase lit."""
    method = methods.get(settings.method)
    ends = method.ends if settings.copy_ends else "new, trained"
    if settings.init == "teacher_blocks":
        return ends, f"the teacher's blocks, {method.sections}"
    return ends, method.sections


def lit_trainer(
    pair: Pair, *, kinds: outputs.Outputs | None = None, **how
) -> lit.LIT:
    """Returns LIT as the settings have it.

    Args:
        pair: what it starts from.
        kinds: what L_KD is made of, if not of classes.
        **how: arguments of `LIT`, instead of what the settings say.
    """
    loss, settings = pair.config.loss, pair.config
    beta = loss.beta
    if loss.falling_beta:
        beta = _falling(loss.beta, pair.steps)
    return lit.LIT(
        pair.teacher,
        pair.student,
        **{
            "beta": beta,
            "penalty": loss.penalty,
            "section_input": loss.section_input,
            "connector": loss.connector,
            "teacher_probability": _falling(1.0, pair.steps),
            "copy_ends": settings.copy_ends,
            "seed": settings.run.seed,
            "outputs": kinds,
            "frozen": pair.frozen,
            **_kd(pair),
        }
        | how,
    )


def start(pair: Pair) -> None:
    """Gives a student what it is to start with of its teacher's weights."""
    if pair.config.init == "teacher_blocks":
        compatibility.copy_blocks(pair.teacher, pair.student)
    if pair.config.copy_ends:
        compatibility.copy_ends(pair.teacher, pair.student)


def lit_stages(pair: Pair) -> Iterator[Stage]:
    """Sections learn representations, then the whole student from answers."""
    start(pair)
    yield Stage(name="lit", phase="lit", trainer=lit_trainer(pair))
    if not pair.config.no_fine_tune:
        yield _distilled(pair, "fine_tune")


def scratch_stages(pair: Pair) -> Iterator[Stage]:
    """Labels alone, and nothing of the teacher."""
    yield from _in_both(lambda: supervised.Teach(pair.student))


def scratch_copied_stages(pair: Pair) -> Iterator[Stage]:
    """Labels alone, from the teacher's stem and head."""
    start(pair)
    yield from _in_both(lambda: supervised.Teach(pair.student))


def kd_stages(pair: Pair) -> Iterator[Stage]:
    """KD (Hinton et al., 2015) of the whole student."""
    start(pair)
    yield _distilled(pair, "lit")
    yield _distilled(pair, "fine_tune")


def hint_stages(pair: Pair) -> Iterator[Stage]:
    """FitNets (Romero et al., 2015): a hint in phase lit, then KD."""
    start(pair)
    first = fitnets.Hint(
        pair.teacher,
        pair.student,
        penalty=pair.config.loss.penalty,
        copy_ends=pair.config.copy_ends,
        frozen=pair.frozen,
    )
    yield Stage(name="lit", phase="lit", trainer=first)
    yield _distilled(pair, "fine_tune")


def multi_hint_stages(pair: Pair) -> Iterator[Stage]:
    """L on the student's own stream, the ends too; then KD."""
    first = lit_trainer(pair, section_input="student", copy_ends=False)
    yield Stage(name="lit", phase="lit", trainer=first)
    yield _distilled(pair, "fine_tune")


def born_again_stages(pair: Pair) -> Iterator[Stage]:
    """Born-again networks (Furlanello et al., 2018): KD by one's like."""
    for generation in range(1, pair.config.baselines.generations + 1):
        start(pair)
        suffix = f"_{generation}" if generation > 1 else ""
        yield _distilled(pair, "lit", suffix)
        yield _distilled(pair, "fine_tune", suffix)
        pair = dataclasses.replace(
            pair, teacher=pair.student, student=pair.another(), frozen=None
        )


def network_slimming_stages(pair: Pair) -> Iterator[Stage]:
    """Network slimming (Liu et al., 2017) of the teacher, to what is asked."""
    baselines = pair.config.baselines
    slim = network_slimming.Slim(
        pair.copy(pair.teacher), sparsity=baselines.sparsity
    )
    yield Stage(name="lit", phase="lit", trainer=slim)
    fraction = _to_prune(pair.config, slim.student, pair.student)
    kept = network_slimming.choose(
        network_slimming.cuts(slim.student), fraction
    )
    pruned = network_slimming.prune(slim.student, kept)
    yield Stage(
        name="fine_tune", phase="fine_tune", trainer=supervised.Teach(pruned)
    )


def _to_prune(settings, model, student):
    """Returns the fraction of a model's channels that is to go.

    Raises:
        SettingsError: none can, or too few.
    """
    fraction = settings.baselines.pruned_channels
    if fraction:
        network_slimming.cuts(model)
        return fraction
    return network_slimming.fraction_for(model, cost.flops(student))


def _in_both(make):
    for phase in ("lit", "fine_tune"):
        yield Stage(name=phase, phase=phase, trainer=make())


def _distilled(pair, phase, suffix=""):
    model = distill.Distill(
        pair.teacher,
        pair.student,
        teacher_dtype=pair.config.frozen.teacher_dtype,
        frozen=pair.frozen,
        **_kd(pair),
    )
    return Stage(name=phase + suffix, phase=phase, trainer=model)


def _kd(pair):
    loss = pair.config.loss
    return {"alpha": loss.alpha, "temperature": loss.temperature}


def _falling(value, steps):
    return keras.optimizers.schedules.PolynomialDecay(value, max(1, steps), 0.0)


def _shape(model):
    return [tuple(v.shape) for v in model.variables]
