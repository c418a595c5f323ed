"""A check that Keras computes with TensorFlow."""

import importlib
import sys


def check(*, imports: bool) -> None:
    """Checks that Keras runs on TensorFlow.

    Args:
        imports: whether to import Keras; if not, nothing is checked before it
            has been imported.

    Raises:
        ImportError: if Keras runs on another backend, or cannot be imported
            because the backend that it is set to is missing.
    """
    if not imports and "keras" not in sys.modules:
        return
    # While Keras itself is being imported, it has no `config` yet.
    config = getattr(_keras(), "config", None)
    if config is not None and config.backend() != "tensorflow":
        raise ImportError(_message(f"Keras on {config.backend()}"))


def _keras():
    try:
        return importlib.import_module("keras")
    except ImportError as error:
        if error.name in ("jax", "torch", "openvino"):
            raise ImportError(
                _message(f"Keras on {error.name}, which is not installed")
            ) from error
        raise


def _message(received):
    return (
        "lit_tf needs Keras on TensorFlow. Set KERAS_BACKEND=tensorflow in the "
        'environment, or "backend": "tensorflow" in ~/.keras/keras.json, '
        f"before Keras is imported. Received: {received}."
    )
