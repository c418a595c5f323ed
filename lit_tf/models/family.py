"""`Family`: what an architecture must state to be used by name."""

import dataclasses
from collections import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from lit_tf.sections.sectioned_model import SectionedModel


@dataclasses.dataclass(frozen=True)
class Family:
    """An architecture of any depth.

    Args:
        name: the name before the depth, lower-case letters such as "resnet".
        build: builds a model. It takes the depth, `input_shape`, `classes`, the
            `stem_arguments`, and options of its own such as `width`.
        check_depth: raises `SettingsError` for a depth that `build` refuses.
        depths: the depths that are listed as known names, ascending, at least
            two; `build` may accept others.
        default_depth: the depth of a name without one: that of the deepest
            model in the paper.
        stem_arguments: the entries of a dataset's form that `build` needs for
            the stem, such as ("mean", "std") of images.
        torch_variables: returns the variables of a model by the names that
            published PyTorch weights give them.
        depth_from_torch: returns the depth of the model that has these
            published names, None if they are not of this family.
        unused_in_torch: endings of published names that no variable of a model
            corresponds to.
        variants: arguments of `build` by the ending of a name, such as
            {"shortcut": {"shortcut": True}} for "vdcnn9_shortcut".
    """

    name: str
    build: Callable[..., SectionedModel]
    check_depth: Callable[[int], None]
    depths: Sequence[int]
    default_depth: int
    stem_arguments: tuple[str, ...]
    torch_variables: Callable[[SectionedModel], dict[str, keras.Variable]]
    depth_from_torch: Callable[[abc.Set[str]], int | None]
    unused_in_torch: tuple[str, ...] = ()
    variants: Mapping[str, Mapping[str, Any]] = dataclasses.field(
        default_factory=dict
    )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the members with known depths."""
        return tuple(f"{self.name}{depth}" for depth in self.depths)
