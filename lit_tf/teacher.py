"""The teacher as a student meets it: frozen, and all its answers at once."""

import keras

from lit_tf import sectioned


def freeze(teacher: sectioned.SectionedModel) -> keras.Model:
    """Returns the teacher's twin that a training step asks.

    The twin shares the teacher's weights. Call it with `training=False`.

    Args:
        teacher: K sections.

    Returns:
        A model, inputs → [representation 0 … K, output].
    """
    return keras.Model(
        teacher.input,
        [*teacher.representations, teacher.output],
        name=f"{teacher.name}_frozen",
    )
