"""Keras's global settings, which must not change what this package builds."""

import contextlib
from collections.abc import Iterator

import keras

from lit_tf.utils import backend

# Most packages import this one; here is the first use of Keras.
backend.check(imports=True)


@contextlib.contextmanager
def pinned(policy: str = "") -> Iterator[None]:
    """Builds models with channels last and float32 variables in the context.

    The user may have set something else in `keras.json` or with
    `keras.config`, for models of their own.

    Args:
        policy: the dtype policy of new layers. By default the global one if its
            variables are float32, as those of `mixed_float16` are, and
            otherwise "float32".
    """
    data_format = keras.config.image_data_format()
    floatx, before = keras.config.floatx(), keras.config.dtype_policy()
    if not policy:
        usable = before.variable_dtype == "float32"
        policy = before if usable else "float32"
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_image_data_format(data_format)
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(before)
