"""`gelu`: Keras's function, compiled into one pass over its values."""

import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

# Wider floats would lose digits.
DTYPES = ("float32", "float16", "bfloat16")
_ROOT = math.sqrt(0.5)
_DENSITY = 1 / math.sqrt(2 * math.pi)  # Of the normal distribution at 0.
_SLOPE, _CUBE = math.sqrt(2 / math.pi), 0.044715  # Of the approximation.
# Beyond it, Φ is 0 or 1 in float32, which XLA's `erf` does not give.
_TAIL = 5.5
_FAR = 9.0  # Beyond it, the derivative of Φ is 0.

_compiled = functools.partial(
    tf.function, jit_compile=True, autograph=False, reduce_retracing=True
)


def gelu(x: Any, approximate: bool = False) -> Any:
    """Returns x·Φ(x), where Φ is the normal distribution function.

    Without compilation each operation writes all values to memory, and Keras
    computes Φ by `erfc`, which on a CPU takes several times as long as `erf`.
    Each shape is compiled once. Keras computes shapes that are open in other
    axes than the first, and other dtypes.

    Args:
        x: a tensor of any shape.
        approximate: whether to approximate Φ by `tanh`.

    Returns:
        A tensor of the shape and dtype of `x`.
    """
    if isinstance(x, keras.KerasTensor):
        return keras.activations.gelu(x, approximate=approximate)
    x = tf.convert_to_tensor(x)
    fixed = x.shape.rank is not None and x.shape[1:].is_fully_defined()
    if not fixed or x.dtype.name not in DTYPES:
        return keras.activations.gelu(x, approximate=approximate)
    return _once_rounded(x, approximate)


def approximate_gelu(x: Any) -> Any:
    """Returns `gelu(x, approximate=True)`."""
    return gelu(x, approximate=True)


def compiled_form(function: Any) -> Callable[[Any], Any] | None:
    """Returns the compiled form of an activation; None if it has none.

    Args:
        function: the activation of a layer.
    """
    if function is keras.activations.gelu or function is gelu:
        return gelu
    if function is approximate_gelu or _is_of_keras_hub(function):
        return approximate_gelu
    return None


def _is_of_keras_hub(function):
    """Returns whether it is the approximate GELU of KerasHub's models."""
    name = "gelu_approximate"
    return getattr(function, "__name__", "") == name and (
        keras.saving.get_registered_name(function) == f"keras_hub>{name}"
    )


@functools.cache
def can_compile() -> bool:
    """Returns whether TensorFlow can compile `gelu` on this machine."""
    try:
        with tf.init_scope():
            for approximate in (False, True):
                _value(tf.zeros([1]), approximate)
                _gradient(tf.zeros([1]), tf.zeros([1]), approximate)
    except (tf.errors.OpError, ValueError):
        return False
    return True


def _once_rounded(x, approximate):
    """Computes in float32 and rounds once. A step keeps `x` alone."""

    @tf.custom_gradient
    def computed(x):
        return _value(x, approximate), lambda upstream: _gradient(
            x, upstream, approximate
        )

    return computed(x)


@_compiled
def _value(x, approximate):
    wide = tf.cast(x, tf.float32)
    distribution, _ = _distribution_and_density(wide, approximate)
    return tf.cast(wide * distribution, x.dtype)


@_compiled
def _gradient(x, upstream, approximate):
    wide = tf.cast(x, tf.float32)
    distribution, density = _distribution_and_density(wide, approximate)
    slope = distribution + wide * density
    return tf.cast(tf.cast(upstream, tf.float32) * slope, x.dtype)


def _distribution_and_density(x, approximate):
    """Returns Φ and its derivative."""
    near = tf.clip_by_value(x, -_FAR, _FAR)  # Its powers are finite.
    square = tf.square(near)
    if approximate:
        # 0.5 + 0.5·tanh is the sigmoid of twice as much; 1 − tanh² would
        # become 0 too soon.
        twice = 2 * _SLOPE * near * (1 + _CUBE * square)
        inner = tf.sigmoid(twice)
        density = 2 * _SLOPE * (1 + 3 * _CUBE * square)
        density *= inner * tf.sigmoid(-twice)
    else:
        inner = 0.5 + 0.5 * tf.math.erf(_ROOT * near)
        density = _DENSITY * tf.exp(-0.5 * square)
    outer = tf.cast(x > 0, x.dtype)
    density = tf.where(tf.abs(x) > _FAR, tf.zeros_like(x), density)
    return tf.where(tf.abs(x) > _TAIL, outer, inner), density
