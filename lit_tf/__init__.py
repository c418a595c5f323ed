"""LIT: train a shallower network from a deep one, section by section.

The names below are the public API (`docs/api.md`). They are loaded when first
used, so that importing the package, or printing the `--help` of a command, does
not load TensorFlow.
"""

import importlib
import sys

from lit_tf.utils import after_import, backend

__version__ = "0.2.0.dev0"

_PUBLIC = {
    "compress": "lit_tf.one_call.compression",
    "export": "lit_tf.deployment.export_call",
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
# Classes that a saved model may contain, by module.
_REGISTERED = {
    "lit_tf.layers": (
        "Attributes",
        "BatchNormalization",
        "Characters",
        "Float32",
        "GroupedConv2D",
        "KMaxPool",
        "Normalize",
        "PadShortcut",
    ),
    "lit_tf.sections.sectioned_model": ("SectionedModel",),
    "lit_tf.training.optimizers": ("Adam", "SGD"),
}
_SUBMODULES = ("config", "data", "experiment", "models", "outputs")

__all__ = ["__version__", *_PUBLIC, *_SUBMODULES]


backend.check(imports=False)


class _Later:
    """Takes the place of a class in Keras's registry until it is needed."""

    def __init__(self, module, name):
        self._module = module
        self._name = name

    def __getattr__(self, attribute):
        kind = getattr(importlib.import_module(self._module), self._name)
        return getattr(kind, attribute)


def _register():
    """Lets Keras find the classes, without importing them."""
    # Keras may be importing itself.
    if saving := getattr(sys.modules["keras"], "saving", None):
        for module, names in _REGISTERED.items():
            for name in names:
                saving.get_custom_objects().setdefault(
                    f"lit_tf>{name}", _Later(module, name)
                )


after_import.call("keras", _register)


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
