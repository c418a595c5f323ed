"""A convolution in groups that trains on a CPU."""

import math

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("lit_tf")
class GroupedConv2D(keras.layers.Conv2D):
    """Keras's layer of several `groups`, many times as fast on a CPU.

    Variables and configuration are those of `keras.layers.Conv2D`; weights pass
    freely between the two. TensorFlow computes groups on a CPU, but not their
    gradient, so that Keras has XLA compile both. This layer leaves the first to
    TensorFlow, and takes the gradient of the same convolution in a few slices
    of channels, each dense with zeros between its groups
    (`docs/results/performance/grouped.py`).
    """

    def convolution_op(self, inputs, kernel):
        if self.data_format != "channels_last":
            return super().convolution_op(inputs, kernel)
        settings = {
            "strides": self.strides,
            "padding": self.padding.upper(),
            "dilations": self.dilation_rate,
        }

        @tf.custom_gradient
        def convolved(x, kernel):
            def gradient(upstream):
                with tf.GradientTape() as tape:
                    tape.watch([x, kernel])
                    same = _in_slices(x, kernel, self.groups, settings)
                return tape.gradient(same, [x, kernel], upstream)

            return _apart(x, kernel, settings), gradient

        return convolved(inputs, tf.convert_to_tensor(kernel))


def _apart(x, kernel, settings):
    def convolved(x, kernel):
        return tf.nn.conv2d(x, kernel, **settings)

    if tf.executing_eagerly():
        return convolved(x, kernel)
    # Where oneDNN is off, TensorFlow has no kernel for what its optimiser would
    # make of a convolution in groups and the bias or BatchNorm behind it. It
    # does not look into a function.
    alone = tf.function(convolved, experimental_attributes={"_noinline": True})
    return alone.get_concrete_function(x, kernel)(x, kernel)


def _in_slices(x, kernel, groups, settings):
    parts = math.gcd(groups, 4)
    *window, inputs, _ = kernel.shape
    groups //= parts  # Of a slice.
    # [g, 1, g, 1]: what a group makes of its own inputs, and of no others.
    own = tf.eye(groups, dtype=kernel.dtype)[:, tf.newaxis, :, tf.newaxis]
    slices = []
    for x_part, k_part in zip(
        tf.split(x, parts, -1), tf.split(kernel, parts, -1), strict=True
    ):
        by_group = tf.reshape(k_part, [*window, 1, inputs, groups, -1])
        dense = tf.reshape(by_group * own, [*window, groups * inputs, -1])
        slices.append(tf.nn.conv2d(x_part, dense, **settings))
    return tf.concat(slices, -1)
