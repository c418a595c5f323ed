"""Experiments: teach a teacher, compress it, report the result.

`compress` and `teach` are loaded when first used: they import TensorFlow.
"""

import importlib

__all__ = ["compress", "teach"]


def __getattr__(name):
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("lit_tf.experiment.run"), name)


def __dir__():
    return __all__
