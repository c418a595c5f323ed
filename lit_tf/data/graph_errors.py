"""Errors of `lit_tf` that TensorFlow reports in its own words."""

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf

from lit_tf import errors

# A function of Python in a graph leaves the name of the exception, its message
# and its traceback in the message of TensorFlow's.
_OURS = re.compile(r"\bDataError: (.*?)(?:\nTraceback|\n\n|$)", re.DOTALL)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raises a `DataError` that occurred in a graph as what it is.

    Raises:
        DataError: if a function of Python in a graph raised it.
    """
    try:
        yield
    except tf.errors.OpError as error:
        found = _OURS.search(error.message or "")
        if not found:
            raise
        raise errors.DataError(found[1].strip()) from error
