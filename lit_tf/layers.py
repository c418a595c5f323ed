"""The few layers that Keras lacks or does slowly."""

from collections.abc import Sequence

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("lit_tf")
class Normalize(keras.layers.Layer):
    """Computes (x − mean) / std by channel, in float32 under any policy.

    It opens every stem, so the normalisation travels with the weights and
    training, evaluation and serving cannot differ.

    Args:
        mean: one value a channel, in units of the raw input.
        std: one value a channel, in the same units.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], **kwargs):
        super().__init__(**kwargs | {"dtype": "float32"})
        self.mean = tuple(map(float, mean))
        self.std = tuple(map(float, std))

    def call(self, inputs):
        return (inputs - tf.constant(self.mean)) / tf.constant(self.std)

    def get_config(self):
        config = super().get_config() | {"mean": self.mean, "std": self.std}
        return {k: v for k, v in config.items() if k != "dtype"}


@keras.saving.register_keras_serializable("lit_tf")
class Float32(keras.layers.Layer):
    """Passes its input on as float32: the end of every head."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs | {"dtype": "float32"})

    def call(self, inputs):
        return tf.cast(inputs, tf.float32)

    def get_config(self):
        config = super().get_config()
        return {k: v for k, v in config.items() if k != "dtype"}


@keras.saving.register_keras_serializable("lit_tf")
class PadShortcut(keras.layers.Layer):
    """The ResNet's option-A shortcut: subsamples and pads channels with zeros.

    `[batch, height, width, channels]` becomes `[batch, ⌈height/stride⌉,
    ⌈width/stride⌉, filters]`, half the new channels before the old ones and
    half after (He et al., 2016, section 4.2). It has no weights.
    """

    def __init__(self, filters: int, stride: int, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.stride = stride

    def call(self, inputs):
        before = (self.filters - inputs.shape[-1]) // 2
        after = self.filters - inputs.shape[-1] - before
        thinned = inputs[:, :: self.stride, :: self.stride]
        return tf.pad(thinned, [[0, 0], [0, 0], [0, 0], [before, after]])

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        height, width = (
            None if size is None else -(-size // self.stride)
            for size in (height, width)
        )
        return (batch, height, width, self.filters)

    def get_config(self):
        own = {"filters": self.filters, "stride": self.stride}
        return super().get_config() | own


@keras.saving.register_keras_serializable("lit_tf")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer, computed by TensorFlow's fused kernel on images.

    Variables and configuration are those of `keras.layers.BatchNormalization`;
    weights pass freely between the two. On rank-4, channels-last input without
    a mask it runs the fused kernel, several times faster on a CPU and free of
    float32 copies under mixed precision. The kernel's moving variance is the
    unbiased one, as PyTorch's. Whatever else it is given, Keras computes.

    Under a distribution strategy the moving statistics are the mean over the
    replicas, the same in each. Keras's own layer leaves every replica its own,
    validates with all of them and saves the first.
    """

    def add_weight(self, *args, trainable=True, **kwargs):
        if not trainable:
            kwargs["aggregation"] = "mean"
        return super().add_weight(*args, trainable=trainable, **kwargs)

    def call(self, inputs, training=None, mask=None):
        fused = (
            len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and mask is None
            and self.scale
            and self.center
            and not getattr(self, "renorm", False)  # Keras ≥ 3.14
            and not self.synchronized
        )
        if not fused:
            return super().call(inputs, training=training, mask=mask)
        training = bool(training) and self.trainable
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            tf.cast(inputs, self.compute_dtype),
            tf.convert_to_tensor(self.gamma),
            tf.convert_to_tensor(self.beta),
            mean=None if training else tf.convert_to_tensor(self.moving_mean),
            variance=(
                None if training else tf.convert_to_tensor(self.moving_variance)
            ),
            epsilon=self.epsilon,
            is_training=training,
        )
        if training:
            for moving, batch in (
                (self.moving_mean, mean),
                (self.moving_variance, variance),
            ):
                moving.assign(
                    moving * self.momentum + batch * (1 - self.momentum)
                )
        return outputs
