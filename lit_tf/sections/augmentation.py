"""`augmented_view`: divides a model behind its augmentation layers.

A layer such as `keras.layers.RandomFlip` changes its input at random while a
model is trained, and returns it unchanged otherwise. A teacher and a student
compare the same image only if the layer draws once for both.
"""

import dataclasses
from typing import Any

import keras

from lit_tf import errors
from lit_tf.sections import differences
from lit_tf.sections.functional import read_graph
from lit_tf.sections.graph import Graph
from lit_tf.sections.parts import build_part


@dataclasses.dataclass(frozen=True)
class AugmentedView:
    """A model, divided behind its augmentation layers.

    Args:
        view: inputs → augmented inputs, the list of the tensors that the rest
            of the model reads. Call it with `training=True`.
        rest: this list → the model's outputs.
        only_augments: whether `view` has no other layers, so that it returns
            its inputs unchanged in inference mode.
    """

    view: keras.Model
    rest: keras.Model
    only_augments: bool


@dataclasses.dataclass(frozen=True)
class SharedView:
    """A teacher and a student that read the same augmented inputs.

    Args:
        view: inputs → augmented inputs, in training mode.
        teacher: augmented inputs → the teacher's outputs.
        student: augmented inputs → the student's outputs.
    """

    view: keras.Model
    teacher: keras.Model
    student: keras.Model


def shared_view(
    teacher: keras.Model, student: keras.Model
) -> SharedView | None:
    """Returns the view that a teacher and a student share in training.

    Args:
        teacher: functional or sequential.
        student: functional or sequential.

    Returns:
        The view, with the student's augmentation layers if it has some; None if
        neither model augments its inputs.

    Raises:
        SettingsError: if the models augment their inputs differently.
    """
    theirs, own = augmented_view(teacher), augmented_view(student)
    if own is None and theirs is None:
        return None
    if own is None or theirs is None:
        view = own or theirs
        errors.require(
            view.only_augments,
            "If only the teacher or only the student has augmentation layers, "
            "no other layer may precede them. Give both models the same "
            "layers, or augment the data instead.",
            teacher=teacher.name,
            student=student.name,
        )
        rests = (
            theirs.rest if theirs else teacher,
            own.rest if own else student,
        )
        return SharedView(view.view, *rests)
    difference = differences.differing(theirs.view, own.view)
    if difference:
        raise errors.SettingsError(
            "Teacher and student must augment their inputs in the same way, "
            f"because they read the same images. Received: {difference}."
        )
    return SharedView(own.view, theirs.rest, own.rest)


def augmented_view(model: keras.Model) -> AugmentedView | None:
    """Divides a model behind its augmentation layers.

    These are layers without weights that compute differently in training, and
    that no trained layer precedes. Dropout and noise, which regularize a model,
    are not among them.

    Args:
        model: functional or sequential. Both parts share its layers.

    Returns:
        The two parts; None if the model does not augment its inputs.
    """
    graph = read_graph(model)
    bounds = _bounds(graph)
    if not bounds:
        return None
    return AugmentedView(
        build_part(graph, graph.inputs, list(bounds), name="view"),
        build_part(graph, bounds, graph.outputs, name=model.name),
        all(map(_augments, graph.between(graph.inputs, bounds))),
    )


def _bounds(graph: Graph) -> tuple[int, ...]:
    """Returns the tensors between the augmentation layers and the rest."""
    untrained, augmented = set(graph.inputs), set()
    for call in graph.calls:
        if set(call.inputs) <= untrained and not _is_trained(call.operation):
            untrained |= set(call.outputs)
            if _augments(call):
                augmented |= set(call.outputs)
    before = graph.between(graph.inputs, augmented)
    computed = {n for call in before for n in call.outputs} | set(graph.inputs)
    read = set(keras.tree.flatten(graph.outputs))
    for call in graph.calls:
        if call not in before:
            read |= set(call.inputs)
    return tuple(sorted(computed & read)) if augmented else ()


def _is_trained(operation: Any) -> bool:
    """Returns whether a layer has variables that training can change."""
    if not isinstance(operation, keras.layers.Layer):
        return False
    return any(x._trainable_variables for x in operation._flatten_layers())


def _augments(call) -> bool:
    operation = call.operation
    mode = call.node.arguments.kwargs.get("training", call.training)
    if call.weights or mode is False:
        return False
    if isinstance(operation, keras.layers.Lambda):
        return operation._fn_expects_training_arg
    takes_training = getattr(operation, "_call_has_training_arg", False)
    return takes_training and not _regularizes(operation)


def _regularizes(layer):
    """Returns whether training differs by dropout, noise or a penalty alone."""
    kinds = [kind.__module__ for kind in type(layer).__mro__]
    if any(
        part in kind
        for part in (".layers.regularization.", ".layers.attention.")
        for kind in kinds
    ):
        return True
    inner = layer._flatten_layers(include_self=False)
    return bool(inner) and all(map(_regularizes, inner))
