"""Architectures by name.

To add one, write a module with a `Family` and add a line to `MODELS`.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras

from lit_tf import errors, layers
from lit_tf.models import resnet, resnext, stargan, vdcnn
from lit_tf.models.family import Family
from lit_tf.sections.sectioned_model import SectionedModel

MODELS: dict[str, Family] = {
    "resnet": resnet.FAMILY,
    "resnext": resnext.FAMILY,
    "vdcnn": vdcnn.FAMILY,
    "stargan": stargan.FAMILY,
}


def names() -> tuple[str, ...]:
    """Returns the known names of all families, such as "resnet20"."""
    return tuple(name for family in MODELS.values() for name in family.names)


def get(name: str, **options: int) -> Callable[..., SectionedModel]:
    """Returns the builder of an architecture.

    ```python
    from lit_tf import models

    builder = models.get("resnet20", width=8)
    model = builder(
        input_shape=(32, 32, 3),
        classes=10,
        mean=(125.3, 123.0, 113.9),
        std=(63.0, 62.1, 66.7),
    )
    ```

    Args:
        name: the name of a family, a depth and variants, such as "resnet20" or
            "vdcnn17_conv_shortcut". Without a depth, that of the deepest model
            in the family's paper.
        **options: arguments of the family's `build`, such as `width`.

    Returns:
        A function of the form of a dataset: `input_shape`, `classes`, and what
        the stem needs (`mean` and `std`, `alphabet` or `attributes`). It
        returns a `SectionedModel` with new weights, and raises `SettingsError`
        if the data or an option do not fit the family.

    Raises:
        SettingsError: if the family, depth, variant or option does not exist.
            The message gives the nearest name.
    """
    match = re.fullmatch(r"([a-z]+)(\d*)((?:_[a-z]+)*)", name)
    if match is None or match[1] not in MODELS:
        raise errors.SettingsError(errors.unknown("model", name, names()))
    family = MODELS[match[1]]
    depth = int(match[2] or family.default_depth)
    family.check_depth(depth)
    for variant in match[3].split("_")[1:]:
        if variant not in family.variants:
            known = family.variants or ("none",)
            raise errors.SettingsError(
                errors.unknown(f"variant of a {match[1]}", variant, known)
            )
        options |= family.variants[variant]
    arguments = inspect.signature(family.build).parameters
    for option, value in options.items():
        errors.require(
            option in arguments,
            f"A {match[1]} has no `{option}`.",
            **{option: value},
        )
    full_name = f"{match[1]}{depth}{match[3]}"

    def build(
        *, input_shape: Sequence[int], classes: int, **stem: Any
    ) -> SectionedModel:
        if stem.keys() != set(family.stem_arguments):
            raise errors.SettingsError(
                f"{name} needs data with "
                f"{' and '.join(family.stem_arguments)}. "
                f"Received: data with {' and '.join(stem) or 'neither'}, and "
                f"inputs {input_shape}."
            )
        with layers.pinned():
            model = family.build(
                depth,
                input_shape=input_shape,
                classes=classes,
                **stem,
                **options,
            )
        model.name = full_name
        return model

    return build


def torch_variables(model: SectionedModel) -> dict[str, keras.Variable]:
    """Returns the variables of a model by their published PyTorch names.

    Args:
        model: a model that `get` built.
    """
    return _family_of(model.name).torch_variables(model)


def used_arrays(name: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the published arrays that an architecture has variables for.

    Args:
        name: the name of an architecture.
        arrays: arrays by published name.
    """
    unused = _family_of(name).unused_in_torch
    return {k: v for k, v in arrays.items() if not k.endswith(unused)}


def architecture_of(names: Iterable[str]) -> str | None:
    """Returns the architecture that published names belong to, None if unknown.

    Args:
        names: the names of all arrays in a file of weights.
    """
    names = set(names)
    for family in MODELS.values():
        depth = family.depth_from_torch(names)
        if depth is not None:
            return f"{family.name}{depth}"
    return None


def _family_of(name):
    return MODELS[re.match("[a-z]+", name)[0]]
