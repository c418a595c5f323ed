"""Architectures by name. Adding one is a file and a line in `MODELS`."""

import re
from collections.abc import Callable, Iterable, Sequence

import keras

from lit_tf import errors, sectioned
from lit_tf.models import resnet

# A family's module builds its members by depth and lists the names worth
# knowing; any depth that `build` accepts may be asked for. It also knows its
# members' weights by the names under which they are published.
MODELS = {"resnet": resnet}


def names() -> tuple[str, ...]:
    """Returns the names worth knowing, of all families."""
    return tuple(name for family in MODELS.values() for name in family.NAMES)


def get(name: str) -> Callable[..., sectioned.SectionedModel]:
    """Returns the builder of an architecture, a function of the data's form.

    Args:
        name: a family and a depth, such as "resnet20".

    Raises:
        SettingsError: there is no such family, or no such depth in it; the
            nearest name is given.
    """
    match = re.fullmatch(r"([a-z]+)(\d+)", name)
    if match is None or match[1] not in MODELS:
        raise errors.SettingsError(errors.unknown("model", name, names()))
    family, depth = MODELS[match[1]], int(match[2])
    family.check(depth)

    def build(
        *,
        input_shape: Sequence[int],
        classes: int,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> sectioned.SectionedModel:
        return family.build(
            depth, input_shape=input_shape, classes=classes, mean=mean, std=std
        )

    return build


def published(
    model: sectioned.SectionedModel,
) -> dict[str, keras.Variable]:
    """Returns a built model's variables by their published names."""
    family = re.match("[a-z]+", model.name)[0]
    return MODELS[family].published(model)


def recognized(names: Iterable[str]) -> str | None:
    """Returns the architecture that has these published names, if one has."""
    names = set(names)
    for family, module in MODELS.items():
        depth = module.recognized(names)
        if depth is not None:
            return f"{family}{depth}"
    return None
