"""Context: what a section reads apart from the representation before it.

A stem with context returns [representation 0, *context]. A section or head that
reads context takes [representation, *its context].
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from lit_tf import errors
from lit_tf.sections.functional import read_graph
from lit_tf.sections.trunk import Trunk

# For each section and the head: the numbers of the context tensors that it
# reads, counted from 0, in the order in which it reads them.
Reads = tuple[tuple[int, ...], ...]

# Arguments of layers that are 0 or False where a position is padding.
_MASKS = ("mask", "padding_mask", "decoder_padding_mask")


@dataclasses.dataclass(frozen=True)
class BoundPart:
    """A section or head, with the context of one batch.

    Args:
        model: the section or head.
        context: the tensors that it reads after the representation.
    """

    model: keras.Model
    context: tuple[Any, ...] = ()

    def inputs(self, representation: Any) -> Any:
        """Returns what the model takes.

        Args:
            representation: `[batch, ...]`.
        """
        if not self.context:
            return representation
        return [representation, *self.context]

    def __call__(self, representation: Any, **kwargs: Any) -> Any:
        return self.model(self.inputs(representation), **kwargs)

    def unrecorded(self, representation: Any, *, training: bool) -> Any:
        """Runs the model without updating its non-trainable variables.

        BatchNorm normalizes with the batch's statistics but keeps its moving
        ones.

        Args:
            representation: `[batch, ...]`.
            training: whether the model runs in training mode.
        """
        outputs, _ = self.model.stateless_call(
            self.model.trainable_variables,
            self.model.non_trainable_variables,
            self.inputs(representation),
            training=training,
        )
        return outputs


def divide(outputs: Any) -> tuple[Any, tuple[Any, ...]]:
    """Returns representation 0 and the context.

    Args:
        outputs: what a stem returned: a tensor, or a list of tensors.
    """
    representation, *context = keras.tree.flatten(outputs)
    return representation, tuple(context)


def bind(
    parts: Sequence[keras.Model], reads: Reads, context: Sequence[Any]
) -> list[BoundPart]:
    """Returns sections and head with the context of one batch.

    Args:
        parts: the sections and the head.
        reads: what each of them reads.
        context: the context that the stem computed.
    """
    return [
        BoundPart(part, tuple(context[number] for number in numbers))
        for part, numbers in zip(parts, reads, strict=True)
    ]


def join(
    parts: Sequence[keras.Model],
    reads: Reads,
    inputs: Any,
    *,
    passed: Callable[[Any], Any] = lambda representation: representation,
) -> list[Any]:
    """Runs the parts of a model one after the other.

    Args:
        parts: stem, sections and head; or a whole model alone.
        reads: what each section and the head read.
        inputs: the inputs of the model, nested as the stem takes them.
        passed: a function of a representation that returns what the next part
            reads.

    Returns:
        Representations 0 … K and the model's output.
    """
    stem, *others = parts
    for part in others:
        _accept_masks(part)
    if not others:
        return [stem(inputs)]
    first, context = divide(stem(inputs))
    outputs = [first]
    for part in bind(others, reads, context):
        outputs.append(part(passed(outputs[-1])))
    return outputs


def _accept_masks(part):
    """Lets a part be called on a tensor with a mask without a warning.

    The layers in a part pass on the mask of Keras, so that its output has the
    mask that its last layer gives it. The part adds none.
    """
    part.supports_masking = True
    part.compute_mask = _no_mask


def _no_mask(inputs, previous_mask):
    del inputs, previous_mask


def reads_of(
    stem: keras.Model,
    parts: Sequence[keras.Model],
    reads: Sequence[Sequence[int]] | None,
) -> Reads:
    """Returns what each part reads, checked against its number of inputs.

    Args:
        stem: the stem.
        parts: the sections and the head.
        reads: what each of them reads; None if those with several inputs read
            all context.

    Raises:
        SettingsError: if a part has another number of inputs.
    """
    count = len(stem.outputs) - 1
    everything = tuple(range(count))
    if reads is None:
        reads = [everything if len(p.inputs) > 1 else () for p in parts]
    errors.require(
        all(isinstance(numbers, list | tuple) for numbers in reads),
        "`context` must be a list of lists of numbers.",
        context=reads,
    )
    reads = tuple(map(tuple, reads))
    errors.require(
        len(reads) == len(parts),
        "`context` must have one list for each section, and one for the head.",
        context=reads,
    )
    for part, numbers in zip(parts, reads, strict=True):
        known = all(number in everything for number in numbers)
        if len(part.inputs) != 1 + len(numbers) or not known:
            raise errors.SettingsError(
                f"The part {part.name!r} must read a representation and "
                f"{len(numbers)} of the stem's {count} context tensors, which "
                "are counted from 0. "
                f"Received: a part with {len(part.inputs)} inputs, which reads "
                f"the context {list(numbers)}."
            )
    return reads


def find_padding_mask(parts: Sequence[keras.Model], reads: Reads) -> int | None:
    """Returns which context tensor is the padding mask of the representation.

    That is a tensor of integers or booleans that a layer takes as an argument
    named `mask`, `padding_mask` or `decoder_padding_mask`, or as the
    `attention_mask` of an attention to the representation itself. It has one
    value for each position: `[batch, positions]` or `[batch, 1, positions]`.

    Args:
        parts: the sections and the head.
        reads: what each part reads.

    Returns:
        The number of the context tensor; None if there is none.
    """
    for part, numbers in zip(parts, reads, strict=True):
        if not numbers:
            continue
        graph = read_graph(part)
        representation, *context = graph.inputs
        number_of = dict(zip(context, numbers, strict=True))
        shape = graph.tensors[representation].shape
        trunk = Trunk(graph, representation)
        for call in trunk.only(graph.calls):
            for name, value in call.node.arguments.kwargs.items():
                place = _place(call, value)
                if (
                    place in number_of
                    and (name in _MASKS or _attends_itself(name, call, trunk))
                    and _is_of_positions(value, shape)
                ):
                    return number_of[place]
    return None


def _attends_itself(name, call, trunk):
    """Returns whether an argument is the mask of a self-attention."""
    tensors = trunk.graph.tensors
    return name == "attention_mask" and not any(
        number not in trunk.tensors and len(tensors[number].shape) > 2
        for number in call.inputs
        if number != _place(call, call.node.arguments.kwargs[name])
    )


def as_padding_mask(tensor: tf.Tensor) -> tf.Tensor:
    """Returns a padding mask as `[batch, positions]`, True at real positions.

    Args:
        tensor: `[batch, 1, …, positions]`, numbers or booleans.
    """
    shape = tf.shape(tensor)
    return tf.cast(tf.reshape(tensor, [shape[0], shape[-1]]), tf.bool)


def _place(call, value):
    """Returns the number of a tensor that a call reads; None of others."""
    for tensor, number in zip(
        call.node.input_tensors, call.inputs, strict=True
    ):
        if tensor is value:
            return number
    return None


def _is_of_positions(tensor, representation):
    mask = tensor.shape
    return (
        # Numbers with a fraction are added to scores, and 0 at real positions.
        not keras.backend.is_float_dtype(tensor.dtype)
        and len(representation) > 2
        and len(mask) > 1
        and mask[-1] == representation[1]
        and all(size == 1 for size in mask[1:-1])
    )
