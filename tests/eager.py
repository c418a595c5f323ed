"""Steps without tracing: a few small ones take less time than their traces."""

import contextlib

import tensorflow as tf


@contextlib.contextmanager
def steps():
    """Runs the training and evaluation steps in the context eagerly."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)
