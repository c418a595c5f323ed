"""Checks of a method, a teacher and a student before anything is trained."""

from lit_tf import errors
from lit_tf.config import Compress, method_table
from lit_tf.methods import channel_pruning, distillation_trainer
from lit_tf.outputs import Outputs
from lit_tf.sections import compatibility, initial_weights
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.teacher import cacheable


def check(
    settings: Compress,
    teacher: SectionedModel,
    student: SectionedModel,
    outputs: Outputs,
) -> None:
    """Checks that the method can train this student from this teacher.

    Args:
        settings: the settings.
        teacher: the teacher.
        student: the student.
        outputs: the kind of output of both.

    Raises:
        SettingsError: if teacher and student do not fit each other or the
            method, or return outputs of another kind.
    """
    distillation_trainer.check_outputs(outputs, teacher, student)
    for phase in (settings.lit, settings.fine_tune):
        if phase.label_smoothing:
            outputs.smoothed(phase.label_smoothing)
    method = method_table.get(settings.method)
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
            "A born-again student must have the shape of its teacher. "
            f"Received: teacher {teacher.name}, student {student.name}."
        )
    if settings.init == "teacher_blocks":
        initial_weights.check_blocks(teacher, student)
    cacheable.check_models(settings.frozen, teacher, student)
    if settings.method == "network_slimming":
        channel_pruning.fraction_to_prune(
            teacher, student, settings.baselines.pruned_channels
        )


def describe_training(settings: Compress) -> tuple[str, str]:
    """Describes the training of the ends and of the sections in phase lit."""
    method = method_table.get(settings.method)
    ends = method.ends if settings.copy_ends else "new, trained"
    if settings.init == "teacher_blocks":
        return ends, f"the teacher's blocks, {method.sections}"
    return ends, method.sections


def _shape(model):
    return [tuple(v.shape) for v in model.variables]
