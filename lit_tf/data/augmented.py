"""Training images that vary by settings: `augmented`."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from lit_tf import config, errors
from lit_tf.data import crops, image_tensors
from lit_tf.data.dataset import Dataset, Split, named_arrays
from lit_tf.data.mixing import Mixing

# (channels, white, color_jitter, hue, rand_augment, operations) → an
# augmentation by layers of Keras: `lit_tf.layers.ImageLayers`.
ImageLayers = Callable[..., Callable[..., Any]]
_BY_LAYERS = "`color_jitter`, `hue` and `rand_augment`"
_CHANNELS = (1, 3)
_BLOCK = 1024  # Images of which the largest pixel is found at a time.


def augmented(
    dataset: Dataset,
    settings: config.Augmentation,
    *,
    classes: int,
    image_layers: ImageLayers | None,
) -> Dataset:
    """Returns a dataset whose training images vary.

    Args:
        dataset: the dataset.
        settings: how the images vary.
        classes: number of classes; 0 if the labels are of another kind.
        image_layers: `lit_tf.layers.ImageLayers`, which color jitter, hue and
            RandAugment need; None for settings without them.

    Raises:
        SettingsError: if the examples cannot vary so.
    """
    received = _changed(settings)
    if not received:
        return dataset
    train = dataset.train
    errors.require(
        isinstance(train, Split),
        "Training images vary by their number, which batches do not have. Pass "
        "`train` and `validation_data` as arrays (inputs, labels) with one "
        "array of labels, without sample weights, `class_weight` and numbers "
        "of steps; or vary the images in your pipeline.",
        **received,
    )
    arrays = [array for _, array in named_arrays(train.inputs)]
    images = [array for array in arrays if image_tensors.is_image(array)]
    if not images:
        raise errors.SettingsError(
            f"{' and '.join(f'`{name}`' for name in received)} vary images, "
            f"and {dataset.name} has no images. Set them to 0."
        )
    errors.require(
        train.labels.ndim < 3,
        "The images of labels of positions do not vary: the labels would have "
        "to vary with them. Set this to 0.",
        **received,
    )
    parts = [dataset.crop]
    if settings.resized_crop:
        parts.append(crops.ResizedCrop(settings.resized_crop))
    if settings.reads_layers:
        parts.append(_by_layers(settings, images, image_layers, received))
    if len(parts) > 1:
        dataset = dataclasses.replace(dataset, crop=crops.Chain(tuple(parts)))
    if not settings.mixes:
        return dataset
    one_label = train.labels.shape[1:] in ((), (1,), (classes,))
    errors.require(
        bool(classes) and len(arrays) == 1 and one_label,
        "`mixup` and `cutmix` are for a single input of images, each with one "
        "of several exclusive classes. Set them to 0.",
        **received,
    )
    mixing = Mixing(
        classes=classes, mixup=settings.mixup, cutmix=settings.cutmix
    )
    return dataclasses.replace(dataset, mixing=mixing)


def _changed(settings):
    """Returns the settings that are on, by name."""
    off = vars(config.Augmentation()) | {
        "rand_augment_operations": settings.rand_augment_operations
    }
    return {n: v for n, v in vars(settings).items() if v != off[n]}


def _by_layers(settings, images, image_layers, received):
    errors.require(
        image_layers is not None,
        f"{_BY_LAYERS} need layers of Keras. Pass "
        "`image_layers=lit_tf.layers.ImageLayers`.",
        **received,
    )
    channels = {array.shape[-1] for array in images}
    errors.require(
        len(channels) == 1 and channels <= set(_CHANNELS),
        f"{_BY_LAYERS} are for images of 1 or 3 channels.",
        channels=sorted(channels),
    )
    errors.require(
        not settings.hue or channels == {3},
        "`hue` is for images of 3 channels. Set it to 0.",
        channels=sorted(channels),
        hue=settings.hue,
    )
    return image_layers(
        channels=channels.pop(),
        white=_white(images),
        color_jitter=settings.color_jitter,
        hue=settings.hue,
        rand_augment=settings.rand_augment,
        operations=settings.rand_augment_operations,
    )


def _white(images):
    """Returns the value of a white pixel of all inputs, 1 or 255."""
    found = sorted({_white_of(array) for array in images})
    errors.require(
        len(found) == 1,
        f"{_BY_LAYERS} need the same range of pixels in all inputs, from 0 to "
        "1 or from 0 to 255. Scale one of them.",
        largest=found,
    )
    return found[0]


def _white_of(images):
    if images.dtype == np.uint8:
        return 255.0
    blocks = [
        images[start : start + _BLOCK]
        for start in range(0, len(images), _BLOCK)
    ]
    least = min(float(block.min()) for block in blocks)
    largest = max(float(block.max()) for block in blocks)
    errors.require(
        least >= 0 and largest <= 255,
        f"{_BY_LAYERS} are for pixels from 0 to 1 or from 0 to 255. Normalize "
        "images in a layer of the model.",
        least=least,
        largest=largest,
    )
    return 1.0 if largest <= 1 else 255.0
