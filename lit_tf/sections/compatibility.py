"""Checks that two models fit as teacher and student."""

import keras

from lit_tf import errors
from lit_tf.sections import (
    differences,
    functional,
    probabilities,
    sectioned_model,
    softmax,
)
from lit_tf.sections.sectioned_model import SectionedModel


def check_alike(
    teacher: SectionedModel,
    student: SectionedModel,
    *,
    representations: str = "equal",
    ends: bool = True,
) -> None:
    """Checks that each part of a student corresponds to one of its teacher.

    Args:
        teacher: a model with K sections.
        student: a model with K sections.
        representations: required shapes of the student's representations:
            "equal" to the teacher's, "narrower" if they may have fewer
            channels, or "any".
        ends: whether stem and head of the student are copies of the teacher's,
            so that they must have the same layers.

    Raises:
        SettingsError: if the number of sections or the shape of an input,
            output or representation differs, or stem or head have other layers;
            the message names the place and both values. Or a model has no
            sections.
    """
    for role, model in (("teacher", teacher), ("student", student)):
        if not isinstance(model, SectionedModel):
            raise errors.SettingsError(
                f"The {role} must be a SectionedModel: LIT needs its sections. "
                "Cut it with `lit_tf.split`. Received: "
                f"{type(model).__name__} {model.name!r}."
            )
    if len(teacher.sections) != len(student.sections):
        raise errors.SettingsError(
            "Teacher and student must have the same number of sections. "
            f"Received: teacher {len(teacher.sections)}, "
            f"student {len(student.sections)}."
        )
    for place in ("input", "output"):
        shapes = [
            getattr(model, f"{place}_shape") for model in (teacher, student)
        ]
        if shapes[0] != shapes[1]:
            raise errors.SettingsError(
                f"The {place} must have the same shape in teacher and student. "
                f"Received: teacher {_shape(shapes[0])}, student "
                f"{_shape(shapes[1])}."
            )
    _check_representations(teacher, student, representations)
    for part in ("stem", "head") if ends else ():
        shapes = [
            [tuple(v.shape) for v in getattr(model, part).weights]
            for model in (teacher, student)
        ]
        if shapes[0] != shapes[1]:
            raise errors.SettingsError(
                f"The student's {part} is a copy of the teacher's, so they "
                "must have weights of the same shapes. Received: teacher "
                f"{shapes[0]}, student {shapes[1]}. (Without `copy_ends` the "
                "student's stem and head are new and trained.)"
            )
        pair = (getattr(model, part) for model in (teacher, student))
        difference = differences.differing(*pair)
        if difference:
            raise errors.SettingsError(
                f"The student's {part} is a copy of the teacher's, so it must "
                f"compute the same. Received: {difference}."
            )


def _check_representations(teacher, student, required):
    pairs = zip(teacher.representations, student.representations, strict=True)
    for k, pair in enumerate(pairs):
        wide, narrow = (_shape(tensor.shape) for tensor in pair)
        narrower = wide[:-1] == narrow[:-1] and narrow[-1] < wide[-1]
        fits = wide == narrow or (narrower and required == "narrower")
        if fits or required == "any":
            continue
        after = f"section {k}" if k else "the stem"
        hint = ""
        if required == "narrower":
            hint = (
                " The student's may have fewer channels; all other sizes must "
                "be equal."
            )
        elif narrower:
            hint = (
                " (`connector` conv1x1 puts a trained 1×1 convolution between "
                "representations that differ only in channels.)"
            )
        raise errors.SettingsError(
            f"The representation after {after} must have the same shape in "
            f"teacher and student. Received: teacher {wide}, student {narrow}."
            f"{hint}"
        )


def check_logits(
    model: keras.Model, role: str, at: int = 0, *, independent: bool = False
) -> None:
    """Checks that an output of a model is no probability.

    Args:
        model: any model.
        role: "teacher" or "student", for the message.
        at: number of the output; the first by default.
        independent: whether the output is that of independent labels; default
            False, of exclusive classes.

    Raises:
        SettingsError: if the output comes from a softmax or sigmoid, or its
            values on random inputs are probabilities.
    """
    name = getattr(softmax.last(model, at), "name", type(model).__name__)
    activation = softmax.activation(model, at)
    if activation:
        labels = ""
        several = _has_several(model.outputs[at])
        if activation == "sigmoid" and several and not independent:
            labels = (
                " A sigmoid of several outputs is for independent labels: also "
                "pass `outputs=lit_tf.outputs.Labels()`."
            )
        raise errors.SettingsError(
            f"The {role} must return logits, but its last layer, {name!r}, "
            f"applies a {activation}. Remove it with `lit_tf.logits` or "
            f"lit-import.{labels}"
        )
    if probabilities.returns_probabilities(model, at):
        raise errors.SettingsError(
            f"The {role} must return logits, but its last layer, {name!r}, "
            "returns probabilities: on random inputs all outputs are in "
            "[0, 1]. Build the model without the final softmax or sigmoid "
            "(`lit_tf.logits` removes those of Keras). For numbers pass "
            "`outputs=lit_tf.outputs.Values()`."
        )


def class_logits(model: keras.Model, role: str) -> keras.Model:
    """Removes the final softmax, or the sigmoid of one output, of a classifier.

    Args:
        model: a classifier of exclusive classes.
        role: what the model is, for the message, such as "teacher".

    Returns:
        A model that returns logits (see `softmax.logits`), in no list or
        dictionary.

    Raises:
        SettingsError: if it applies a sigmoid to several outputs, or returns
            probabilities that cannot be turned into logits.
    """
    several = any(map(_has_several, model.outputs))
    if not (several and softmax.activation(model) == "sigmoid"):
        model = softmax.logits(model)
    check_logits(model, role)
    return with_plain_output(model)


def _has_several(tensor):
    """Returns whether an output has several values for each example."""
    return len(tensor.shape) > 1 and tensor.shape[-1] != 1


def with_plain_output(model: keras.Model) -> keras.Model:
    """Returns a model whose one output is in no list or dictionary.

    Args:
        model: functional or sequential; one of several outputs is returned
            unchanged.
    """
    graph = functional.as_functional(model) or model
    if len(model.outputs) > 1 or not keras.tree.is_nested(graph.output):
        return model
    if isinstance(model, SectionedModel):
        *others, head = sectioned_model.parts_of(model)
        return sectioned_model.with_parts(
            model, [*others, with_plain_output(head)]
        )
    return keras.Model(graph.input, model.outputs[0], name=model.name)


def check_apart(teacher: keras.Model, student: keras.Model) -> None:
    """Raises `SettingsError` if two models share a variable."""
    shared = {id(v) for v in teacher.variables}
    for variable in student.variables:
        if id(variable) in shared:
            raise errors.SettingsError(
                "Teacher and student must not share weights, because training "
                "the student would change the teacher. Received: "
                f"{variable.path} in both."
            )


def _shape(shape):
    """Returns a shape, or nested shapes, without the batch dimension."""
    if isinstance(shape, dict):
        return {name: _shape(one) for name, one in shape.items()}
    if shape and not isinstance(shape[0], int | None):
        return [_shape(one) for one in shape]
    return tuple(shape[1:]) if shape and shape[0] is None else shape
