"""What makes two models a pair of teacher and student."""

from collections.abc import Mapping
from typing import Any

import keras

from lit_tf import errors
from lit_tf.sections import blocks, softmax
from lit_tf.sections.sectioned_model import SectionedModel


def check_alike(
    teacher: SectionedModel,
    student: SectionedModel,
    *,
    representations: str = "equal",
    ends: bool = True,
) -> None:
    """Checks that a student's parts line up with its teacher's.

    Args:
        teacher: K sections.
        student: the student.
        representations: what their shapes must be: "equal"; "narrower", where
            the student's may have fewer channels; or "any".
        ends: whether the student's stem and head are to be copies.

    Raises:
        SettingsError: inputs, the number of sections, a representation or the
            outputs differ in shape, or the ends are not built alike; the
            message names the place and both shapes. Or one of them has no
            sections, or ends in a softmax.
    """
    for role, model in (("teacher", teacher), ("student", student)):
        if not isinstance(model, SectionedModel):
            raise errors.SettingsError(
                f"The {role} must be a SectionedModel: LIT needs its sections. "
                f"Received: {type(model).__name__} {model.name!r}."
            )
        for at in range(len(model.outputs)):
            check_logits(model, role, at)
    if len(teacher.sections) != len(student.sections):
        raise errors.SettingsError(
            "Teacher and student must have the same number of sections. "
            f"Received: teacher {len(teacher.sections)}, "
            f"student {len(student.sections)}."
        )
    for place in ("input", "output"):
        theirs, ours = (
            getattr(model, f"{place}_shape") for model in (teacher, student)
        )
        if theirs != ours:
            raise errors.SettingsError(
                f"The {place} must have one shape in teacher and student. "
                f"Received: teacher {_shape(theirs)}, student {_shape(ours)}."
            )
    _check_representations(teacher, student, representations)
    for part in ("stem", "head") if ends else ():
        theirs, ours = (
            [tuple(v.shape) for v in getattr(model, part).weights]
            for model in (teacher, student)
        )
        if theirs != ours:
            raise errors.SettingsError(
                f"The student's {part} is a copy of the teacher's, so they "
                "must have weights of the same shapes. Received: teacher "
                f"{theirs}, student {ours}. (With `copy_ends` off they are "
                "new, and trained.)"
            )
        differing = _differing(getattr(teacher, part), getattr(student, part))
        if differing:
            raise errors.SettingsError(
                f"The student's {part} is a copy of the teacher's, so it must "
                f"compute the same. Received: {differing}."
            )


def _check_representations(teacher, student, wanted):
    both = zip(teacher.representations, student.representations, strict=True)
    for k, (theirs, ours) in enumerate(both):
        theirs, ours = _shape(theirs.shape), _shape(ours.shape)
        narrower = theirs[:-1] == ours[:-1] and ours[-1] < theirs[-1]
        fits = theirs == ours or (narrower and wanted == "narrower")
        if fits or wanted == "any":
            continue
        after = f"section {k}" if k else "the stem"
        hint = ""
        if wanted == "narrower":
            hint = " The student's may have fewer channels, and nothing else."
        elif narrower:
            hint = (
                " (`connector` conv1x1 puts a trained 1×1 convolution between "
                "representations that differ in channels alone.)"
            )
        raise errors.SettingsError(
            f"The representation after {after} must have one shape in teacher "
            f"and student. Received: teacher {theirs}, student {ours}.{hint}"
        )


def check_logits(model: keras.Model, role: str, at: int = 0) -> None:
    """Raises `SettingsError` where one of a model's outputs is of a softmax."""
    if softmax.ends(model, at):
        raise errors.SettingsError(
            f"The {role} must answer with logits, but its last layer, "
            f"{softmax.last(model, at).name!r}, applies a softmax. Build it "
            "without, or let lit-import take it off."
        )


def check_apart(teacher: keras.Model, student: keras.Model) -> None:
    """Raises `SettingsError` where the two share a variable."""
    shared = {id(v) for v in teacher.variables}
    for variable in student.variables:
        if id(variable) in shared:
            raise errors.SettingsError(
                "Teacher and student must not share weights, or the teacher "
                f"would be trained too. Received: {variable.path} in both."
            )


def copy_ends(teacher: SectionedModel, student: SectionedModel) -> None:
    """Copies the weights of the teacher's stem and head to the student."""
    student.stem.set_weights(teacher.stem.get_weights())
    student.head.set_weights(teacher.head.get_weights())


def copy_blocks(teacher: SectionedModel, student: SectionedModel) -> None:
    """Copies the weights of teacher blocks to a student's blocks.

    Evenly spaced ones (`blocks.chosen`); to a student that `shrink` made, those
    that it was left.

    Raises:
        SettingsError: the blocks are not alike.
    """
    for theirs, ours in check_blocks(teacher, student):
        for source, target in zip(theirs, ours, strict=True):
            target.set_weights(source.get_weights())


def check_blocks(
    teacher: SectionedModel, student: SectionedModel
) -> list[tuple[list[keras.layers.Layer], list[keras.layers.Layer]]]:
    """Returns the layers of each student block, behind their teacher's.

    Raises:
        SettingsError: a section's blocks are not like the teacher's.
    """
    matched = _by_name if "blocks" in student.facts else _by_place
    found = []
    sections = zip(teacher.sections, student.sections, strict=True)
    for k, (theirs, ours) in enumerate(sections, 1):
        for j, (given, wanted) in enumerate(matched(theirs, ours), 1):
            shapes = [
                [tuple(v.shape) for layer in layers for v in layer.weights]
                for layers in (given, wanted)
            ]
            if shapes[0] != shapes[1]:
                raise errors.SettingsError(
                    "To start from its teacher's blocks a student must have "
                    f"blocks like them. Received: for block {j} of section {k} "
                    f"{shapes[0]} of {teacher.name} and {shapes[1]} of "
                    f"{student.name}."
                )
            found.append((given, wanted))
    return found


def _by_name(theirs, ours):
    """Yields layers of one name, the teacher's before the student's."""
    for layer in ours.layers:
        if layer.weights:
            yield [theirs.get_layer(layer.name)], [layer]


def _by_place(theirs, ours):
    """Yields what stays in both, then evenly spaced blocks of the teacher."""
    given, wanted = blocks.of(theirs), blocks.of(ours)
    stay = [
        [layer for block in chain.fixed for layer in block.layers]
        for chain in (given, wanted)
    ]
    if any(stay):
        yield stay
    numbers = given.kept(wanted.count)
    for i, block in enumerate(wanted.blocks):
        there = i < len(numbers)
        yield given.blocks[numbers[i]].layers if there else [], block.layers


def _differing(theirs, ours):
    """Returns in words where two parts of equal weights compute otherwise."""
    # What is called how, and what only matters in training, may differ.
    free = ("name", "dtype", "initializer", "regularizer", "trainable", "seed")
    free += ("synchronized",)
    chains = [
        [x for x in part._flatten_layers() if not isinstance(x, keras.Model)]
        for part in (theirs, ours)
    ]
    if len(chains[0]) != len(chains[1]):
        counts = [len(chain) for chain in chains]
        return f"teacher {counts[0]} layers, student {counts[1]}"
    for pair in zip(*chains, strict=True):
        kinds = [type(layer).__name__ for layer in pair]
        if kinds[0] != kinds[1]:
            return (
                f"teacher {kinds[0]} {pair[0].name!r}, "
                f"student {kinds[1]} {pair[1].name!r}"
            )
        first, second = (
            {
                key: value
                for key, value in layer.get_config().items()
                if not any(word in key for word in free)
            }
            for layer in pair
        )
        for key in first.keys() & second.keys():
            if first[key] != second[key]:
                return (
                    f"{kinds[0]} with {key} {first[key]!r} in the teacher, "
                    f"{second[key]!r} in the student"
                )
    return ""


def _shape(shape):
    """Returns the shape of an example; of several, likewise nested."""
    if isinstance(shape, dict):
        return {name: _shape(one) for name, one in shape.items()}
    if shape and not isinstance(shape[0], int | None):
        return [_shape(one) for one in shape]
    return tuple(shape[1:]) if shape and shape[0] is None else shape


def check_form(model: keras.Model, name: str, form: Mapping[str, Any]) -> None:
    """Checks that a model is for the inputs and the classes of a data set.

    Args:
        model: raw inputs → logits.
        name: of the data set, for the message.
        form: `Dataset.form` or `Source.form`.

    Raises:
        SettingsError: it was made for others.
    """
    image, count = tuple(form["input_shape"]), form["classes"]
    wanted = ([image], (count,))
    what = f"inputs {image} and {count} classes"
    if "attributes" in form:  # Pictures become pictures.
        wanted = ([image, (count,)], image)
        what = f"pictures {image} and {count} attributes"
    shapes = [tuple(t.shape[1:]) for t in model.inputs]
    received = (shapes, tuple(model.output_shape[1:]))
    if received != wanted:
        raise errors.SettingsError(
            f"{name} has {what}. Received: model {model.name} with inputs "
            f"{' and '.join(map(str, shapes))} and outputs {received[1]}."
        )
