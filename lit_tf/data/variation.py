"""`varied`: a dataset whose training images vary as settings say."""

import dataclasses

from lit_tf import config, errors
from lit_tf.data import augment
from lit_tf.data.dataset import Dataset, Split, named_arrays
from lit_tf.data.mixing import Mixing


def varied(
    dataset: Dataset, settings: config.Variation, *, classes: int
) -> Dataset:
    """Returns a dataset whose training images vary.

    Args:
        dataset: the dataset.
        settings: how the images vary.
        classes: number of classes; 0 if the labels are of another kind.

    Raises:
        SettingsError: if the examples cannot vary so.
    """
    if settings == config.Variation():
        return dataset
    train = dataset.train
    received = _changed(settings)
    errors.require(
        isinstance(train, Split),
        "Training images vary by their number, which batches of your own do "
        "not have. Pass arrays (inputs, labels), or vary the images in your "
        "pipeline.",
        **received,
    )
    inputs = [array for _, array in named_arrays(train.inputs)]
    if not any(map(augment.is_image, inputs)):
        raise errors.SettingsError(
            f"{' and '.join(f'`{name}`' for name in received)} vary images, "
            f"and {dataset.name} has no images. Set them to 0."
        )
    if not settings.mixes:
        return dataset
    errors.require(
        bool(classes) and len(inputs) == 1 and _one_label(train, classes),
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
    off = vars(config.Variation())
    return {n: v for n, v in vars(settings).items() if v != off[n]}


def _one_label(split, classes):
    return split.labels.shape[1:] in ((), (1,), (classes,))
