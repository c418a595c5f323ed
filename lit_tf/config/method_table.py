"""The table of training methods: LIT and its baselines, without TensorFlow.

Settings, flags, training and reports all read this table. A method of your
own is one more entry::

    from lit_tf.config import method_table

    method_table.register(
        method_table.Method(
            name="mine",
            about="a method of my own",
            stages="my_package.my_module:stages",
            settings=("init", "copy_ends"),
            ends="copied, trained",
        )
    )

`--custom_objects=my_package.my_module` imports the module that registers it.
"""

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any

from lit_tf import errors


@dataclasses.dataclass(frozen=True, kw_only=True)
class Method:
    """A method that trains a student.

    Args:
        name: the value of `--method`.
        about: what the method does, in a few words, for `--help`.
        stages: "package.module:function", imported when the method is used.
            The function takes a `lit_tf.methods.stages.Pair` and yields
            `lit_tf.methods.stages.Stage`s.
        settings: the settings in `SPECIFIC` that the method reads. The other
            ones in `SPECIFIC` must have their defaults.
        label: the name of the method in reports; `name` when empty.
        ends: how stem and head start and whether phase `lit` trains them, in
            words, when `copy_ends` is on.
        sections: whether phase `lit` trains the sections, in words.
        copies: whether stem and head may be copies of the teacher's.
        compares: whether the method compares representations, so that those
            of teacher and student must have equal shapes.
        needs_labels: whether a phase trains on labels without a teacher, so
            that the method cannot train on texts alone.
        lit_labels: whether phase `lit` has a hard loss.
    """

    name: str
    about: str
    stages: str
    settings: tuple[str, ...] = ()
    label: str = ""
    ends: str
    sections: str = "trained"
    copies: bool = True
    compares: bool = False
    needs_labels: bool = False
    lit_labels: bool = True

    def load(self) -> Callable[..., Any]:
        """Imports and returns the function that yields the stages.

        Raises:
            SettingsError: if `stages` does not name a function.
        """
        module, _, function = self.stages.partition(":")
        try:
            return getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError, ValueError) as error:
            raise errors.SettingsError(
                f"The stages of method {self.name} cannot be imported from "
                f"{self.stages!r} ({errors.line(error)}). Write "
                "package.module:function."
            ) from error


_STAGES = "lit_tf.methods.stages"
_BUILT_IN = (
    Method(
        name="lit",
        about="the paper's method: first the sections, then the whole student",
        stages=f"{_STAGES}:lit_stages",
        settings=(
            "init",
            "copy_ends",
            "fine_tune",
            "falling_beta",
            "section_input",
            "connector",
            "teacher_cache",
        ),
        ends="copied, frozen",
        compares=True,
    ),
    Method(
        name="scratch",
        about="labels alone, from random weights",
        stages=f"{_STAGES}:scratch_stages",
        ends="new, trained",
        copies=False,
        needs_labels=True,
    ),
    Method(
        name="scratch_copied",
        about="labels alone, from the teacher's stem and head",
        stages=f"{_STAGES}:scratch_copied_stages",
        settings=("init",),
        ends="copied, trained",
        needs_labels=True,
    ),
    Method(
        name="kd",
        about="knowledge distillation in both phases",
        stages=f"{_STAGES}:kd_stages",
        settings=("init", "copy_ends", "teacher_cache"),
        ends="copied, trained",
    ),
    Method(
        name="hint",
        about="a hint at the middle section (FitNets), then kd",
        stages=f"{_STAGES}:hint_stages",
        settings=("init", "copy_ends", "teacher_cache"),
        ends="copied, frozen",
        sections="trained up to the middle",
        compares=True,
        lit_labels=False,
    ),
    Method(
        name="multi_hint",
        about="penalties at every section of a new student, then kd",
        stages=f"{_STAGES}:multi_hint_stages",
        settings=("teacher_cache",),
        ends="new, trained",
        copies=False,
        compares=True,
    ),
    Method(
        name="born_again",
        about="kd from a teacher of the student's own shape",
        stages=f"{_STAGES}:born_again_stages",
        settings=("copy_ends", "generations"),
        ends="copied, trained",
    ),
    Method(
        name="network_slimming",
        about="the teacher, trained with an L1 penalty on its BatchNorm "
        "scales and then pruned",
        stages=f"{_STAGES}:network_slimming_stages",
        settings=("sparsity", "pruned_channels"),
        ends="the teacher's",
        sections="the teacher's, scales penalised",
        copies=False,
        needs_labels=True,
    ),
)
# Settings that only some methods read.
SPECIFIC = frozenset(name for one in _BUILT_IN for name in one.settings)
_TABLE = {method.name: method for method in _BUILT_IN}


def register(method: Method) -> None:
    """Adds a method to the table.

    Raises:
        ValueError: if the name is taken, or a setting is not in `SPECIFIC`.
    """
    if method.name in _TABLE:
        raise ValueError(
            f"There is already a method {method.name!r}. Choose another name."
        )
    unknown = sorted(set(method.settings) - SPECIFIC)
    if unknown:
        raise ValueError(
            f"`settings` must be some of {', '.join(sorted(SPECIFIC))}; every "
            f"method reads the other settings. Received: {', '.join(unknown)}."
        )
    _TABLE[method.name] = method


def names() -> tuple[str, ...]:
    """Returns the names of all methods, in the order of the table."""
    return tuple(_TABLE)


def get(name: str) -> Method:
    """Returns a method by its name.

    Raises:
        SettingsError: if there is no such method.
    """
    if name not in _TABLE:
        raise errors.SettingsError(errors.unknown("method", name, _TABLE))
    return _TABLE[name]


def label(name: str) -> str:
    """Returns the name of a method in reports, also of one not registered."""
    method = _TABLE.get(name)
    return method.label if method and method.label else name


def readers(setting: str) -> tuple[str, ...]:
    """Returns the names of the methods that read a setting."""
    if setting not in SPECIFIC:
        return names()
    return tuple(n for n, one in _TABLE.items() if setting in one.settings)
