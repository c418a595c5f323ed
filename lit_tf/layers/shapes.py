"""Layers without weights that make a representation smaller."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("lit_tf")
class PadShortcut(keras.layers.Layer):
    """The ResNet's option-A shortcut: subsamples and pads channels with zeros.

    `[batch, height, width, channels]` becomes `[batch, ⌈height/stride⌉,
    ⌈width/stride⌉, filters]`, half the new channels before the old ones and
    half after (He et al., 2016, section 4.2); and so does `[batch, length,
    channels]`. It has no weights.
    """

    def __init__(self, filters: int, stride: int, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.stride = stride

    def call(self, inputs):
        before = (self.filters - inputs.shape[-1]) // 2
        after = self.filters - inputs.shape[-1] - before
        # Means of one value are a strided slice, ten times as fast on a CPU.
        thinned = tf.nn.avg_pool(inputs, 1, self.stride, "VALID")
        nothing = [[0, 0]] * (len(inputs.shape) - 1)
        return tf.pad(thinned, [*nothing, [before, after]])

    def compute_output_shape(self, input_shape):
        batch, *places, _ = input_shape
        places = [
            None if size is None else -(-size // self.stride) for size in places
        ]
        return (batch, *places, self.filters)

    def get_config(self):
        own = {"filters": self.filters, "stride": self.stride}
        return super().get_config() | own


@keras.saving.register_keras_serializable("lit_tf")
class KMaxPool(keras.layers.Layer):
    """Keeps the k largest values of each channel, in their original order.

    `[batch, length, channels]` becomes `[batch, k, channels]` (Kalchbrenner et
    al., 2014). Of equal values the first are kept. Their gradient goes where
    they were. It has no weights.

    Args:
        k: at most the length.
    """

    def __init__(self, k: int, **kwargs):
        super().__init__(**kwargs)
        self.k = k

    def call(self, inputs):
        by_channel = tf.transpose(inputs, [0, 2, 1])
        # Of equals it lists the lower index first.
        _, places = tf.math.top_k(by_channel, self.k)
        places = tf.sort(places)
        kept = tf.gather(by_channel, places, batch_dims=2)
        return tf.transpose(kept, [0, 2, 1])

    def compute_output_shape(self, input_shape):
        batch, _, channels = input_shape
        return (batch, self.k, channels)

    def get_config(self):
        return super().get_config() | {"k": self.k}
