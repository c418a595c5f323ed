"""`GroupedConv2D`: a grouped convolution that is fast on a CPU."""

import math

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("lit_tf")
class GroupedConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` with `groups`, many times faster on a CPU.

    Variables and configuration are those of `keras.layers.Conv2D`, so weights
    can be copied between the two. On a CPU, TensorFlow computes grouped
    convolutions but not their gradients, so Keras compiles both with XLA. This
    layer uses TensorFlow for the forward pass. It computes the gradient from an
    equal convolution in a few slices of channels, each a dense convolution with
    zeros between its groups (`docs/results/performance/grouped.py`). Where each
    input channel is a group, both are those of TensorFlow's depthwise
    convolution (`docs/results/performance/depthwise.py`). Other dilated ones,
    and channels first, are left to Keras.

    Args:
        filters: number of output channels; a multiple of `groups`.
        kernel_size: height and width of the kernel.
        **kwargs: other arguments of `keras.layers.Conv2D`.
    """

    def convolution_op(self, inputs, kernel):
        if not can_compute(self, kernel.shape[-2]):
            return super().convolution_op(inputs, kernel)
        settings = {
            "strides": self.strides,
            "padding": self.padding.upper(),
            "dilations": self.dilation_rate,
        }
        if _is_depthwise(self, kernel.shape[-2]):
            return _depthwise(inputs, kernel, settings)

        @tf.custom_gradient
        def convolve(x, kernel):
            def gradient(upstream):
                with tf.GradientTape() as tape:
                    tape.watch([x, kernel])
                    outputs = _in_slices(x, kernel, self.groups, settings)
                return tape.gradient(outputs, [x, kernel], upstream)

            return _in_function(x, kernel, settings), gradient

        return convolve(inputs, tf.convert_to_tensor(kernel))

    def keras_form(self, inputs):
        """Returns Keras's own layer, which is slow to train on a CPU."""
        return keras.layers.Conv2D.from_config(self.get_config())


def can_compute(layer: keras.layers.Conv2D, group: int) -> bool:
    """Returns whether TensorFlow computes a convolution and its gradient.

    Args:
        layer: the convolution.
        group: number of input channels of a group.
    """
    # TensorFlow has gradients of dilated convolutions for few dtypes only.
    plain = max(layer.dilation_rate) == 1 or _is_depthwise(layer, group)
    return layer.data_format == "channels_last" and plain


def _is_depthwise(layer, group):
    """Returns whether it is a depthwise convolution of TensorFlow."""
    one_stride = len(set(layer.strides)) == 1
    either = max(layer.strides) == 1 or max(layer.dilation_rate) == 1
    return group == 1 and one_stride and either


def _depthwise(x, kernel, settings):
    """Returns a convolution in which each input channel is a group."""
    kernel = tf.convert_to_tensor(kernel)
    height, width, _, filters = kernel.shape
    channels = x.shape[-1]
    kernel = tf.reshape(kernel, [height, width, channels, filters // channels])
    strides = (1, *settings["strides"], 1)
    return tf.nn.depthwise_conv2d(x, kernel, **settings | {"strides": strides})


def _in_function(x, kernel, settings):
    """Returns a grouped convolution, computed in a function of its own."""

    def convolve(x, kernel):
        return tf.nn.conv2d(x, kernel, **settings)

    if tf.executing_eagerly():
        return convolve(x, kernel)
    # TensorFlow's optimizer fuses a convolution with a bias or BatchNorm after
    # it. Without oneDNN there is no kernel for a fused grouped convolution. The
    # optimizer does not fuse operations inside and outside of a function.
    function = tf.function(
        convolve, experimental_attributes={"_noinline": True}
    )
    return function.get_concrete_function(x, kernel)(x, kernel)


def _in_slices(x, kernel, groups, settings):
    """Returns a grouped convolution as up to four dense convolutions."""
    parts = math.gcd(groups, 4)
    *window, inputs, _ = kernel.shape
    groups //= parts  # Groups of a slice.
    # [g, 1, g, 1]: 1 from a group to itself, 0 from a group to another.
    own = tf.eye(groups, dtype=kernel.dtype)[:, tf.newaxis, :, tf.newaxis]
    slices = []
    for x_part, k_part in zip(
        tf.split(x, parts, -1), tf.split(kernel, parts, -1), strict=True
    ):
        by_group = tf.reshape(k_part, [*window, 1, inputs, groups, -1])
        dense = tf.reshape(by_group * own, [*window, groups * inputs, -1])
        slices.append(tf.nn.conv2d(x_part, dense, **settings))
    return tf.concat(slices, -1)
