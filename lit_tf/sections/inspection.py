"""What a model reads, how it normalizes, and in which dtypes it computes."""

import keras

from lit_tf import layers


def opening(
    model: keras.Model, kind: type[keras.layers.Layer]
) -> keras.layers.Layer | None:
    """Returns the layer of a class in the stem of a model, None if none.

    Such a layer shows what the model reads: `layers.Normalize` images,
    `layers.Characters` texts, `layers.Attributes` images and target attributes.

    Args:
        model: any model.
        kind: class of the layer.
    """
    for layer in model.stem.layers if hasattr(model, "stem") else ():
        if isinstance(layer, kind):
            return layer
    return None


def normalization(model: keras.Model) -> dict[str, tuple[float, ...]]:
    """Returns the `mean` and `std` with which the stem of a model normalizes.

    The dictionary is empty if it does not normalize.
    """
    layer = opening(model, layers.Normalize)
    return {"mean": layer.mean, "std": layer.std} if layer else {}


def classes_of(model: keras.Model) -> dict[str, type[keras.layers.Layer]]:
    """Returns the classes of a model's layers by the names that files have.

    With them as `custom_objects`, Keras reads a model of the same classes.
    """
    return {
        keras.saving.get_registered_name(type(layer)): type(layer)
        for layer in model._flatten_layers(include_self=False)
    }


def computes_in(model: keras.Model) -> set[str]:
    """Returns the dtypes in which the layers of a model compute."""
    return {
        layer.compute_dtype
        for layer in model._flatten_layers(include_self=False)
    }
