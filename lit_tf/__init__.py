"""LIT: train a shallower network from a deep one, section by section.

The names below are the public API (`docs/api.md`). They are loaded when first
used, so that importing the package, or printing the `--help` of a command, does
not load TensorFlow.
"""

import importlib

from lit_tf.utils import backend

__version__ = "0.2.0.dev0"

_PUBLIC = {
    "LIT": "lit_tf.methods.lit",
    "Distill": "lit_tf.methods.distill",
    "Teach": "lit_tf.methods.supervised",
    "SGD": "lit_tf.training.optimizers",
    "SectionedModel": "lit_tf.sections.sectioned_model",
    "load": "lit_tf.sections.model_files",
    "logits": "lit_tf.sections.softmax",
    "split": "lit_tf.sections.split",
    "plan": "lit_tf.sections.plan",
    "shrink": "lit_tf.sections.shrink",
}
_SUBMODULES = ("config", "data", "experiment", "models", "outputs")

__all__ = ["__version__", *_PUBLIC, *_SUBMODULES]


backend.check(imports=False)


def __getattr__(name):
    if name == "config":  # It needs no Keras.
        return importlib.import_module("lit_tf.config")
    if name not in _PUBLIC and name not in _SUBMODULES:
        raise AttributeError(f"module 'lit_tf' has no attribute {name!r}")
    backend.check(imports=True)
    if name in _SUBMODULES:
        return importlib.import_module(f"lit_tf.{name}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__():
    return __all__
