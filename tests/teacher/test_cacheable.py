"""Which models and data exclude a cache, and what a run says of it."""

import types

import keras
import pytest

from lit_tf import config, errors
from lit_tf.teacher import cacheable

DISK, AUTO = (config.Frozen(teacher_cache=kind) for kind in ("disk", "auto"))


def model(*layers):
    inputs = keras.Input((4, 4, 1))
    x = inputs
    for layer in (*layers, keras.layers.Flatten(), keras.layers.Dense(2)):
        x = layer(x)
    return keras.Model(inputs, x)


def dataset(task="classes", buckets=None):
    return types.SimpleNamespace(task=task, buckets=buckets)


PLAIN, FLIPPED = model(), model(keras.layers.RandomFlip())


def reason(data=None, student=PLAIN, *, replicas=1, compiled=False):
    return cacheable.excluded_from_auto(
        data or dataset(), PLAIN, student, replicas=replicas, compiled=compiled
    )


def test_plain_models_of_classes_are_cached():
    cacheable.check_models(DISK, PLAIN, PLAIN)
    cacheable.check_data(DISK, dataset())
    assert not reason()


def test_augmentation_layers_exclude_a_cache():
    with pytest.raises(errors.SettingsError) as error:
        cacheable.check_models(DISK, PLAIN, FLIPPED)
    assert str(error.value) == (
        "A teacher's outputs cannot be cached if the models have augmentation "
        "layers, because these change the inputs in each step. Set "
        "`teacher_cache` to off, or augment the data instead."
    )
    cacheable.check_models(AUTO, PLAIN, FLIPPED)
    assert reason(student=FLIPPED) == (
        "layers of the models change the inputs in each step"
    )


def test_targets_that_are_drawn_exclude_a_cache():
    images = dataset("images")
    with pytest.raises(errors.SettingsError, match="for image translation"):
        cacheable.check_data(DISK, images)
    cacheable.check_data(AUTO, images)
    assert reason(images) == "the target of an image is drawn anew in each step"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"replicas": 2}, "several replicas"),
        ({"data": dataset(buckets=object())}, "texts of several lengths"),
        ({"compiled": True}, "steps that XLA compiles"),
    ],
)
def test_times_that_are_not_estimated_exclude_a_choice(changed, words):
    assert reason(**changed) == f"its time is not estimated for {words}"
