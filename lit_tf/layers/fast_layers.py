"""`FastLayers`: faster layers of Keras in training steps."""

import collections
import math
from collections.abc import Iterable

import keras
import tensorflow as tf

from lit_tf.layers import grouped_conv
from lit_tf.layers.batch_norm import BatchNormalization, replicas
from lit_tf.layers.dropout import FastDropout
from lit_tf.layers.gelu import DTYPES, can_compile, compiled_form
from lit_tf.layers.grouped_conv import GroupedConv2D
from lit_tf.layers.replaced import Replaced

# Where the kernel is faster at batch 32: ranks, and values of an example
# (docs/results/performance/single_norms.txt).
_RANKS = (3, 4, 5)
_LEAST_VALUES = 2500
_NAMED = 5  # Layers that a sentence names for each reason.


class FastBatchNormalization(BatchNormalization):
    """A twin of a `keras.layers.BatchNormalization`, with a fused kernel.

    It records the biased variance of a batch, as Keras does, and so trains to
    the same weights and moving statistics, apart from rounding. With several
    replicas it records the mean over them, where Keras's layer has a value for
    each replica. Inputs with a mask are left to Keras.
    """

    def call(self, inputs, training=None, mask=None):
        if mask is not None:
            return keras.layers.BatchNormalization.call(
                self, inputs, training=training, mask=mask
            )
        inputs = tf.cast(inputs, self.compute_dtype)
        if len(inputs.shape) == 4:
            return self._normalized(inputs, training)
        # The kernel needs images: [batch, 1, positions, channels].
        shape = tf.shape(inputs)
        images = tf.reshape(
            inputs,
            [shape[0], 1, tf.reduce_prod(shape[1:-1]), inputs.shape[-1]],
        )
        outputs = tf.reshape(self._normalized(images, training), shape)
        return tf.ensure_shape(outputs, inputs.shape)

    def _scale_and_shift(self):
        channels = self.moving_mean.shape
        gamma = self.gamma if self.scale else tf.ones(channels)
        beta = self.beta if self.center else tf.zeros(channels)
        return tf.convert_to_tensor(gamma), tf.convert_to_tensor(beta)

    def _fused(self, inputs, training):
        # `tf.nn.fused_batch_norm` would raise a small epsilon.
        gamma, beta = self._scale_and_shift()
        none = tf.zeros([0])
        moving = (self.moving_mean, self.moving_variance)
        mean, variance = (
            (none, none) if training else map(tf.convert_to_tensor, moving)
        )
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=gamma,
            offset=beta,
            mean=mean,
            variance=variance,
            epsilon=self.epsilon,
            is_training=training,
        )
        return outputs, mean, variance

    def _recorded(self, variance, count):
        # All replicas together may have no example (`_over_replicas`).
        return variance * (1 - tf.math.reciprocal_no_nan(count))

    def _assign(self, moving, value):
        # In Keras's layer each replica has a value of its own.
        if replicas() > 1 and not self.synchronized:
            context = tf.distribute.get_replica_context()
            value = context.all_reduce(tf.distribute.ReduceOp.MEAN, value)
        moving.assign(value)


class FastGroupedConv2D(GroupedConv2D):
    """A twin of a `keras.layers.Conv2D` with groups."""


class FastLayers(Replaced):
    """The layers of models that a training step computes by faster twins.

    The twin of a `keras.layers.BatchNormalization` or `Dropout`, or of a
    `Conv2D` with groups, is the layer itself, as an object of another class
    within the context: it has the same variables, at any place of a model, also
    in a layer that hides it. A layer with the activation GELU has a compiled
    function there. Outside of the step the models are as they were.

    Args:
        models: the models that the step calls.

    Attributes:
        twins: the layers of BatchNormalization that are replaced.
        refused: why others are not, by layer.
        convolutions: the grouped convolutions that are replaced.
        activations: the layers whose activation is replaced.
        dropouts: the layers of Dropout that are replaced.
    """

    def __init__(self, models: Iterable[keras.Model]):
        found = dict.fromkeys(
            layer for model in models for layer in model._flatten_layers()
        )
        reasons = {
            layer: _refusal(layer)
            for layer in found
            if isinstance(layer, keras.layers.BatchNormalization)
            and type(layer) is not BatchNormalization
        }
        self.twins = tuple(x for x, reason in reasons.items() if not reason)
        self.refused = {x: reason for x, reason in reasons.items() if reason}
        self.convolutions = tuple(
            x for x in found if _is_grouped(x) and not _has_gpu()
        )
        self.activations = tuple(x for x in found if _has_gelu(x))
        dropouts = (keras.layers.Dropout, FastDropout)
        self.dropouts = tuple(
            layer for layer in found if type(layer) in dropouts and layer.rate
        )
        super().__init__(
            [(x, "__class__", FastBatchNormalization) for x in self.twins]
            + [(x, "__class__", FastGroupedConv2D) for x in self.convolutions]
            + [
                (x, "activation", compiled_form(_activation(x)))
                for x in self.activations
            ]
            + [(x, "__class__", FastDropout) for x in self.dropouts]
        )

    def describe(self) -> str:
        """Returns a line on each kind of layer; "" if there are none."""
        lines = []
        if self.twins or self.refused:
            lines.append(self._describe_norms())
        if count := len(self.convolutions):
            noun = "convolution" if count == 1 else "convolutions"
            lines.append(
                f"grouped     {count} {noun} {_are(count)} computed by "
                "TensorFlow's own operations in training steps"
            )
        if count := len(self.activations):
            lines.append(
                f"GELU        {count} {_are(count)} compiled in training steps"
            )
        if count := len(self.dropouts):
            lines.append(
                f"dropout     {count} {_are(count)} drawn from fewer random "
                "bits in training steps"
            )
        return "\n".join(lines)

    def _describe_norms(self):
        count = len(self.twins) + len(self.refused)
        text = (
            f"batch norm  {len(self.twins)} of {count} layers are fused in "
            "training steps"
        )
        names = collections.defaultdict(list)
        for layer, reason in self.refused.items():
            names[reason].append(layer.name)
        left = [
            ", ".join(each[:_NAMED])
            + (f" and {len(each) - _NAMED} more" if each[_NAMED:] else "")
            + f" ({reason})"
            for reason, each in names.items()
        ]
        return f"{text}; not {'; '.join(left)}" if left else text


def _are(count):
    return "is" if count == 1 else "are"


def _activation(layer):
    return vars(layer).get("activation")


def _has_gelu(layer):
    known = compiled_form(_activation(layer)) is not None
    return known and layer.compute_dtype in DTYPES and can_compile()


def _is_grouped(layer):
    kinds = (keras.layers.Conv2D, FastGroupedConv2D)
    if type(layer) not in kinds or layer.groups == 1 or not layer.built:
        return False
    return grouped_conv.can_compute(layer, layer.kernel.shape[-2])


def _has_gpu():
    # The gradient is not known to be faster there.
    return bool(tf.config.list_logical_devices("GPU"))


def _refusal(layer):
    """Returns why a layer has no faster twin; "" if it has one."""
    kinds = (keras.layers.BatchNormalization, FastBatchNormalization)
    if type(layer) not in kinds:
        return f"of class {type(layer).__name__}"
    if not layer.built or layer.input_spec is None:
        return "not built"
    rank = layer.input_spec.ndim
    if getattr(layer, "renorm", False):  # Keras ≥ 3.14.
        return "renorm=True"
    if layer.compute_dtype not in DTYPES or layer.variable_dtype != "float32":
        return f"dtype {layer.dtype_policy.name}"
    if layer.axis not in (-1, rank - 1):
        return "channels are not the last axis"
    if rank not in _RANKS:
        return f"rank {rank}, at which Keras is as fast"
    sizes = (layer.get_build_config() or {}).get("input_shape", (None, None))[
        1:
    ]
    if None not in sizes and math.prod(sizes) < _LEAST_VALUES:
        return f"below {_LEAST_VALUES:,} values, at which Keras is as fast"
    nodes = getattr(layer, "_inbound_nodes", ())
    if any(
        getattr(tensor, "_keras_mask", None) is not None
        for node in nodes
        for tensor in node.input_tensors
    ):
        return "masked inputs"
    return ""
