"""`gelu`: Keras's function, compiled into one pass over its values."""

import functools
import math
from typing import Any

import keras
import tensorflow as tf

# Wider floats would lose digits.
DTYPES = ("float32", "float16", "bfloat16")
_ROOT = math.sqrt(0.5)
_DENSITY = 1 / math.sqrt(2 * math.pi)  # Of the normal distribution at 0.
# Beyond it, the distribution function is 0 or 1 in float32. XLA's `erf` is not.
_TAIL = 5.5

_compiled = functools.partial(
    tf.function, jit_compile=True, autograph=False, reduce_retracing=True
)


def gelu(x: Any, approximate: bool = False) -> Any:
    """Returns x·Φ(x), where Φ is the normal distribution function.

    Without compilation each operation writes all values to memory, and Keras
    computes Φ by `erfc`, which on a CPU takes several times as long as `erf`.
    Each shape is compiled once. Keras computes shapes that are open in other
    axes than the first, other dtypes, and the approximation.

    Args:
        x: a tensor of any shape.
        approximate: whether to approximate Φ by `tanh`.

    Returns:
        A tensor of the shape and dtype of `x`.
    """
    if approximate or isinstance(x, keras.KerasTensor):
        return keras.activations.gelu(x, approximate=approximate)
    x = tf.convert_to_tensor(x)
    fixed = x.shape.rank is not None and x.shape[1:].is_fully_defined()
    if not fixed or x.dtype.name not in DTYPES:
        return keras.activations.gelu(x)
    return _exact(x)


@functools.cache
def can_compile() -> bool:
    """Returns whether TensorFlow can compile `gelu` on this machine."""
    try:
        with tf.init_scope():
            _value(tf.zeros([1]))
            _gradient(tf.zeros([1]), tf.zeros([1]))
    except (tf.errors.OpError, ValueError):
        return False
    return True


@tf.custom_gradient
def _exact(x):
    """Computes in float32 and rounds once. A step keeps `x` alone."""
    return _value(x), lambda upstream: _gradient(x, upstream)


@_compiled
def _value(x):
    wide = tf.cast(x, tf.float32)
    return tf.cast(wide * _distribution(wide), x.dtype)


@_compiled
def _gradient(x, upstream):
    wide = tf.cast(x, tf.float32)
    density = _DENSITY * tf.exp(-0.5 * tf.square(wide))
    slope = _distribution(wide) + wide * density
    return tf.cast(tf.cast(upstream, tf.float32) * slope, x.dtype)


def _distribution(x):
    inner = 0.5 + 0.5 * tf.math.erf(_ROOT * x)
    outer = tf.cast(x > 0, x.dtype)
    return tf.where(tf.abs(x) > _TAIL, outer, inner)
