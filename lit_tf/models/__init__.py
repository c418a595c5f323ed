"""Architectures by name. Adding one is a file and a line in `MODELS`."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras

from lit_tf import errors
from lit_tf.models import resnet, resnext, stargan, vdcnn
from lit_tf.sections.sectioned_model import SectionedModel

# A family's module builds its members by depth and lists the names worth
# knowing; any depth that `build` accepts may be asked for, and any of its
# variants. It says what of a data set its stem is built from, which depth its
# paper's deepest has, and knows its members' weights by the names under which
# they are published, and the endings of those that it has no use for.
MODELS = {
    "resnet": resnet,
    "resnext": resnext,
    "vdcnn": vdcnn,
    "stargan": stargan,
}


def names() -> tuple[str, ...]:
    """Returns the names worth knowing, of all families."""
    return tuple(name for family in MODELS.values() for name in family.NAMES)


def get(name: str, **options: int) -> Callable[..., SectionedModel]:
    """Returns the builder of an architecture, a function of the data's form.

    Args:
        name: a family and a depth, such as "resnet20", and perhaps variants
            behind it, such as "vdcnn17_conv_shortcut". A family alone is its
            paper's deepest.
        **options: of the family's `build`, such as `width`.

    Raises:
        SettingsError: there is no such family, no such depth or no such variant
            in it, in which case the nearest name is given; or the family has no
            such option. The builder raises it for data that the family does not
            read, and for options that cannot be.
    """
    match = re.fullmatch(r"([a-z]+)(\d*)((?:_[a-z]+)*)", name)
    if match is None or match[1] not in MODELS:
        raise errors.SettingsError(errors.unknown("model", name, names()))
    family = MODELS[match[1]]
    depth = int(match[2] or family.PAPER)
    family.check(depth)
    for variant in match[3].split("_")[1:]:
        if variant not in family.VARIANTS:
            known = family.VARIANTS or ("none",)
            raise errors.SettingsError(
                errors.unknown(f"variant of a {match[1]}", variant, known)
            )
        options |= family.VARIANTS[variant]
    known = inspect.signature(family.build).parameters
    for option, value in options.items():
        errors.require(
            option in known,
            f"A {match[1]} has no `{option}`.",
            **{option: value},
        )
    full_name = f"{match[1]}{depth}{match[3]}"

    def build(
        *, input_shape: Sequence[int], classes: int, **stem: Any
    ) -> SectionedModel:
        if stem.keys() != set(family.STEM):
            raise errors.SettingsError(
                f"{name} must be given data with {' and '.join(family.STEM)}. "
                f"Received: data with {' and '.join(stem)}."
            )
        model = family.build(
            depth, input_shape=input_shape, classes=classes, **stem, **options
        )
        model.name = full_name
        return model

    return build


def published(
    model: SectionedModel,
) -> dict[str, keras.Variable]:
    """Returns a built model's variables by their published names."""
    family = re.match("[a-z]+", model.name)[0]
    return MODELS[family].published(model)


def read(name: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Returns those of published arrays that an architecture has a use for."""
    unread = MODELS[re.match("[a-z]+", name)[0]].UNREAD
    return {k: v for k, v in arrays.items() if not k.endswith(unread)}


def recognized(names: Iterable[str]) -> str | None:
    """Returns the architecture that has these published names, if one has."""
    names = set(names)
    for family, module in MODELS.items():
        depth = module.recognized(names)
        if depth is not None:
            return f"{family}{depth}"
    return None
