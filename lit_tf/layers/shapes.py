"""Layers without weights that change the shape of a representation."""

import keras
import tensorflow as tf

from lit_tf.layers import keras_forms


@keras.saving.register_keras_serializable("lit_tf")
class PadShortcut(keras.layers.Layer):
    """Subsamples and pads channels with zeros: option A of the ResNet paper.

    `[batch, height, width, channels]` becomes `[batch, ⌈height/stride⌉,
    ⌈width/stride⌉, filters]`, with half of the new channels before the old ones
    and half after (He et al., 2016, section 4.2). Sequences `[batch, length,
    channels]` become `[batch, ⌈length/stride⌉, filters]`.

    Args:
        filters: number of output channels, at least the number of input
            channels.
        stride: distance of the pixels that are kept, in each direction.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, filters: int, stride: int, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.stride = stride

    def call(self, inputs):
        before = (self.filters - inputs.shape[-1]) // 2
        after = self.filters - inputs.shape[-1] - before
        # Pooling over one value is a strided slice, ten times faster on a CPU.
        subsampled = tf.nn.avg_pool(inputs, 1, self.stride, "VALID")
        unpadded = [[0, 0]] * (len(inputs.shape) - 1)
        return tf.pad(subsampled, [*unpadded, [before, after]])

    def keras_form(self, inputs):
        """Returns the same operations of Keras as a model."""
        x = keras_forms.computed(self, inputs)
        before = (self.filters - x.shape[-1]) // 2
        after = self.filters - x.shape[-1] - before
        x = keras.ops.average_pool(
            x, 1, self.stride, "valid", data_format="channels_last"
        )
        unpadded = [[0, 0]] * (len(x.shape) - 1)
        x = keras.ops.pad(x, [*unpadded, [before, after]])
        return keras_forms.model_of(self, inputs, x)

    def compute_output_shape(self, input_shape):
        batch, *sizes, _ = input_shape
        sizes = [
            None if size is None else -(-size // self.stride) for size in sizes
        ]
        return (batch, *sizes, self.filters)

    def get_config(self):
        own = {"filters": self.filters, "stride": self.stride}
        return super().get_config() | own


@keras.saving.register_keras_serializable("lit_tf")
class KMaxPool(keras.layers.Layer):
    """Keeps the k largest values of each channel, in their original order.

    `[batch, length, channels]` becomes `[batch, k, channels]` (Kalchbrenner et
    al., 2014). If values are equal, the first ones are kept. Only the kept
    values receive a gradient.

    Args:
        k: number of values to keep, at most the length.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, k: int, **kwargs):
        super().__init__(**kwargs)
        self.k = k

    def call(self, inputs):
        by_channel = tf.transpose(inputs, [0, 2, 1])
        # For equal values, `top_k` returns the lower index first.
        _, indices = tf.math.top_k(by_channel, self.k)
        largest = tf.gather(by_channel, tf.sort(indices), batch_dims=2)
        return tf.transpose(largest, [0, 2, 1])

    def keras_form(self, inputs):
        """Returns the same operations of Keras as a model."""
        x = keras_forms.computed(self, inputs)
        by_channel = keras.ops.transpose(x, (0, 2, 1))
        _, indices = keras.ops.top_k(by_channel, self.k)
        largest = keras.ops.take_along_axis(
            by_channel, keras.ops.sort(indices), axis=-1
        )
        outputs = keras.ops.transpose(largest, (0, 2, 1))
        return keras_forms.model_of(self, inputs, outputs)

    def compute_output_shape(self, input_shape):
        batch, _, channels = input_shape
        return (batch, self.k, channels)

    def get_config(self):
        return super().get_config() | {"k": self.k}
