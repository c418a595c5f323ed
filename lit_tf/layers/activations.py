"""Activations of Keras, each compiled into one pass over its values."""

import functools
import math

import keras
import tensorflow as tf

_ROOT = math.sqrt(0.5)
_DENSITY = 1 / math.sqrt(2 * math.pi)  # Of the normal distribution at 0.

_compiled = functools.partial(
    tf.function, jit_compile=True, autograph=False, reduce_retracing=True
)


def _activation(value_of, slope_of):
    """Returns a compiled function of floats of at most 32 bits.

    Without compilation each operation writes all values to memory. All is
    computed in float32 and rounded once. For its gradient a step keeps the
    inputs alone.

    Args:
        value_of: function of float32 values.
        slope_of: its derivative.
    """

    @_compiled
    def value(x):
        return tf.cast(value_of(tf.cast(x, tf.float32)), x.dtype)

    @_compiled
    def gradient(x, upstream):
        slope = slope_of(tf.cast(x, tf.float32))
        return tf.cast(tf.cast(upstream, tf.float32) * slope, x.dtype)

    @tf.custom_gradient
    def compute(x):
        return value(x), lambda upstream: gradient(x, upstream)

    return compute


def _normal(x):
    """Returns the normal distribution function.

    Keras computes it by `erfc`, which on a CPU takes several times as long.
    """
    return 0.5 + 0.5 * tf.math.erf(_ROOT * x)


def _slope_of_gelu(x):
    return _normal(x) + x * (_DENSITY * tf.exp(-0.5 * tf.square(x)))


def _slope_of_silu(x):
    share = tf.sigmoid(x)
    return share * (1 + x * (1 - share))


gelu = _activation(lambda x: x * _normal(x), _slope_of_gelu)
silu = _activation(lambda x: x * tf.sigmoid(x), _slope_of_silu)

# By Keras's function.
COMPILED = {keras.activations.gelu: gelu, keras.activations.silu: silu}


@functools.cache
def can_compile() -> bool:
    """Returns whether TensorFlow can compile an activation on this machine."""
    try:
        with tf.init_scope():
            silu(tf.zeros([1]))
    except (tf.errors.OpError, ValueError):
        return False
    return True
