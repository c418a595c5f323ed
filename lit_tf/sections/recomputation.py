"""`Recomputed`: activations of a model, computed again for its gradient.

A functional model is divided into segments at its cuts. A training step keeps
what a segment reads. The gradient of the segment computes it a second time,
with the same values of all variables and seeds, and so with the same dropout.
"""

import contextvars
import math
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import tensorflow as tf
from keras.src.backend.common.variables import AutocastScope

from lit_tf.layers.replaced import Replaced
from lit_tf.losses import masks
from lit_tf.sections.functional import as_functional, is_known, read_graph
from lit_tf.sections.parts import build_part
from lit_tf.sections.sectioned_model import parts_of
from lit_tf.sections.trunk import Trunk

# The sizes of segments that are tried: parts of the whole model.
_TRIED = 24


class Recomputed(Replaced):
    """Models whose activations a training step computes again.

    Outside of the step the models are as they were.

    Args:
        models: models with or without sections. Parts that are not functional,
            read a dictionary or have a `tf.Variable` are left as they are.

    Attributes:
        segments: the segments of each part, in order.
    """

    def __init__(self, models: Iterable[keras.Model]):
        parts = dict.fromkeys(p for model in models for p in parts_of(model))
        found = {part: _segments(part) for part in parts}
        self.segments = {part: some for part, some in found.items() if some}
        super().__init__(
            (part, "call", _Call(part, some))
            for part, some in self.segments.items()
        )

    @property
    def models(self) -> list[keras.Model]:
        """The segments as models, which share the layers of the parts."""
        return [s.model for some in self.segments.values() for s in some]


class _Call:
    """The `call` of a part, in segments while it is trained."""

    def __init__(self, part, segments):
        self._part = part
        self._whole = part.call
        self._segments = segments

    def __call__(self, inputs, training=None, mask=None):
        if not training:
            return self._whole(inputs, training=training, mask=mask)
        first, *context = keras.tree.flatten(inputs)
        outputs = first
        for segment in self._segments:
            outputs, losses = segment(outputs, context)
            for loss in losses:
                # A functional model refuses it, for the sake of its users.
                keras.layers.Layer.add_loss(self._part, loss)
        return outputs


class Segment:
    """A part of a model between two cuts, computed again for its gradient.

    Args:
        model: the part as a model, [representation, *context] → any outputs.
        context: which context tensors it reads, counted from 0.
    """

    def __init__(self, model: keras.Model, context: tuple[int, ...]):
        self.model = model
        self._context = context

    def __call__(
        self, representation: tf.Tensor, context: list[Any]
    ) -> tuple[Any, list[tf.Tensor]]:
        """Computes the outputs, and records moving statistics and seeds once.

        Args:
            representation: `[batch, ...]`.
            context: the context of the whole model.

        Returns:
            The outputs, and the losses that its layers add.
        """
        inputs = [
            representation,
            *(context[number] for number in self._context),
        ]
        shown = [masks.of(tensor) for tensor in inputs]
        inputs = list(map(tf.convert_to_tensor, inputs))
        trained = list(self.model.trainable_variables)
        others = list(self.model.non_trainable_variables)
        # A part of mixed precision would cast the weights to its own type, also
        # those of layers that compute in float32.
        with AutocastScope(None):
            fixed = list(map(tf.convert_to_tensor, others))
            weights = list(map(tf.convert_to_tensor, trained))
        count = len(inputs)
        kept = {}

        def compute(flat):
            values = [*zip(trained, flat[count:], strict=True)]
            values += zip(others, fixed, strict=True)
            tensors = [
                masks.attach(tf.identity(tensor), mask)
                for tensor, mask in zip(flat, shown, strict=False)
            ]
            with (
                AutocastScope(None),
                keras.StatelessScope(values, collect_losses=True) as scope,
            ):
                outputs = self.model(
                    tensors if len(tensors) > 1 else tensors[0], training=True
                )
            flat = [*keras.tree.flatten(outputs), *scope.losses]
            return outputs, flat, map(scope.get_current_value, others)

        # Replicas and microbatches note their examples in the context.
        where = contextvars.copy_context()

        @tf.custom_gradient
        def run(*flat):
            kept["outputs"], results, kept["updated"] = compute(flat)

            def gradient(*upstream):
                upstream = list(map(tf.convert_to_tensor, upstream))
                again = _after(flat, upstream)
                differentiable = [x for x in again if x.dtype.is_floating]
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(differentiable)
                    _, recomputed, _ = where.run(compute, again)
                found = iter(
                    tape.gradient(
                        recomputed, differentiable, output_gradients=upstream
                    )
                )
                return [
                    next(found) if x.dtype.is_floating else None for x in again
                ]

            return results, gradient

        results = run(*inputs, *weights)
        for variable, before, after in zip(
            others, fixed, kept["updated"], strict=True
        ):
            if after is not before:
                variable.assign(after)
        first = keras.tree.flatten(kept["outputs"])
        results, losses = results[: len(first)], results[len(first) :]
        results = list(map(masks.keep, results, first))
        return keras.tree.pack_sequence_as(kept["outputs"], results), losses


def _after(tensors, upstream):
    """Returns tensors that are known only after the gradients upstream.

    Otherwise TensorFlow would find that it computed the activations before, and
    would keep these. XLA does not respect control dependencies.
    """
    floats = [x for x in upstream if x.dtype.is_floating]
    some = tf.cast(tf.reshape(floats[0], [-1])[:1], tf.float32)
    zero = tf.reduce_max(tf.where(some == some, 0.0, some))
    return [
        x + tf.cast(zero, x.dtype) if x.dtype.is_floating else x
        for x in tensors
    ]


def _segments(part):
    """Returns the segments of a part; [] if it cannot be divided."""
    if as_functional(part) is None or _has_foreign_variables(part):
        return []
    graph = read_graph(part)
    if isinstance(graph.structure, Mapping):  # Such as token ids and a mask.
        return []
    first, *context = graph.inputs
    trunk = Trunk(graph, first if context else None)
    cuts = [n for n in trunk.cuts if n != first and _divides(graph, n)]
    outputs = keras.tree.flatten(graph.outputs)
    if len(outputs) == 1:
        cuts = [n for n in cuts if n != outputs[0]]
    ends = [*_chosen(graph, first, cuts, outputs), None]
    segments, start = [], first
    for number, end in enumerate(ends):
        wanted = graph.outputs if end is None else end
        calls = graph.between(
            (start, *context), tuple(keras.tree.flatten(wanted))
        )
        read = {n for call in calls for n in call.inputs}
        read.update(keras.tree.flatten(wanted))
        places = tuple(k for k, n in enumerate(context) if n in read)
        model = build_part(
            graph,
            (start, *(context[k] for k in places)),
            wanted,
            name=f"{part.name}_segment_{number}",
        )
        segments.append(Segment(model, places))
        start = end
    return segments


def _has_foreign_variables(part):
    """Returns whether layers have variables that Keras does not know."""
    return any(
        isinstance(value, tf.Variable)
        for layer in part._flatten_layers()
        for value in vars(layer).values()
    )


def _divides(graph, cut):
    """Returns whether both sides of a cut may compute what they share.

    They share calls that depend on context alone. A layer with dropout, moving
    statistics or a loss must be called once.
    """
    first, *context = graph.inputs
    outputs = keras.tree.flatten(graph.outputs)
    before = set(map(id, graph.between((first, *context), (cut,))))
    after = graph.between((cut, *context), outputs)
    shared = [call.operation for call in after if id(call) in before]
    return all(
        is_known(operation)
        and not getattr(operation, "variables", ())
        and not getattr(operation, "activity_regularizer", None)
        for operation in shared
    )


def _chosen(graph, first, cuts, outputs):
    """Returns the cuts between segments that need the least memory.

    That is the sum of what all segments read and of the largest segment.
    """
    bounds = [first, *cuts, outputs[0]]
    inner = [
        sum(
            _size(graph.tensors[n])
            for call in graph.between((a,), (b,))
            for n in call.outputs
        )
        for a, b in zip(bounds[:-1], bounds[1:], strict=True)
    ]
    best = (math.inf, [])
    for parts in range(1, _TRIED + 1):
        limit, chosen, size, largest = sum(inner) / parts, [], 0, 0
        for cut, more in zip([None, *cuts], inner, strict=True):
            if cut is not None and size and size + more > limit:
                chosen.append(cut)
                size = 0
            size += more
            largest = max(largest, size)
        read = sum(_size(graph.tensors[n]) for n in chosen)
        best = min(best, (read + largest, chosen))
    return best[1]


def _size(tensor):
    return math.prod(size or 1 for size in tensor.shape)
