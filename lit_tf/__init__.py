"""LIT: train a shallower network from a deep one, section by section.

The names below are the public API (`docs/api.md`). They are loaded when first
used, so that importing the package, or printing the `--help` of a command, does
not load TensorFlow.
"""

import importlib

__version__ = "0.2.0.dev0"

_PUBLIC = {
    "LIT": "lit_tf.methods.lit",
    "Distill": "lit_tf.methods.distill",
    "Teach": "lit_tf.methods.supervised",
    "SGD": "lit_tf.training.optimizers",
    "SectionedModel": "lit_tf.sections.sectioned_model",
    "load": "lit_tf.sections.sectioned_model",
    "logits": "lit_tf.sections.softmax",
    "split": "lit_tf.sections.split",
    "plan": "lit_tf.sections.plan",
    "shrink": "lit_tf.sections.shrink",
}
_SUBMODULES = ("config", "data", "experiment", "models", "outputs")

__all__ = ["__version__", *_PUBLIC, *_SUBMODULES]


def __getattr__(name):
    if name in _SUBMODULES:
        return importlib.import_module(f"lit_tf.{name}")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'lit_tf' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__():
    return __all__
