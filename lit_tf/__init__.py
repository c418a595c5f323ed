"""LIT: train a shallower network from a deep one, section by section.

The names below are the public ones. They are resolved when first used, so that
importing the package, or asking a command for `--help`, does not load
TensorFlow.
"""

import importlib

__version__ = "0.1.0"

_PUBLIC = {
    "LIT": "lit_tf.lit",
    "Distill": "lit_tf.distill",
    "Teach": "lit_tf.teach",
    "SGD": "lit_tf.optimizers",
    "SectionedModel": "lit_tf.sectioned",
    "load": "lit_tf.sectioned",
    "logits": "lit_tf.softmax",
    "split": "lit_tf.splits",
    "plan": "lit_tf.plans",
    "shrink": "lit_tf.students",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'lit_tf' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__():
    return __all__
