"""Resized crops, color jitter, RandAugment: by hand, alike in every batch."""

import numpy as np
import pytest
import tensorflow as tf

from lit_tf import config, data, errors, layers
from lit_tf.data import augmented, batches, crops, own_data

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (11, 6, 8, 3)).astype("uint8")
LABELS = np.arange(11, dtype=np.int32)
OPTIONS = {
    "resized crop": {"resized_crop": 0.3},
    "jitter": {"color_jitter": 0.4},
    "hue": {"hue": 0.5},
}


def varied(settings, images=IMAGES, labels=LABELS):
    whole = data.Dataset(
        name="mine",
        train=data.Split(images, labels),
        test=None,
        classes=(),
        stem={},
        crop=crops.Crop(),
    )
    return augmented.augmented(
        whole,
        config.Augmentation(**settings),
        classes=0,
        image_layers=layers.ImageLayers,
    )


def read(dataset, *, batch_size=4, **how):
    return list(
        batches.training(
            dataset.train,
            batch_size=batch_size,
            epochs=2,
            seed=3,
            crop=dataset.crop,
            **how,
        ).as_numpy_iterator()
    )


def by_label(batches_read):
    return {
        int(label): image
        for images, labels in batches_read
        for image, label in zip(images, labels, strict=True)
    }


@pytest.mark.parametrize(
    ("option", "channels"),
    [(o, c) for o in OPTIONS for c in (1, 3) if (o, c) != ("hue", 1)],
)
def test_an_image_varies_alike_in_every_batch_and_after_a_resumption(
    option, channels
):
    dataset = varied(OPTIONS[option], IMAGES[..., :channels])
    whole = read(dataset)
    for images, _ in whole:
        assert images.dtype == np.uint8
    for one, other in zip(whole[4:], read(dataset, first_step=4), strict=True):
        np.testing.assert_array_equal(one[0], other[0])
    first, second = by_label(whole[:3]), by_label(whole[3:])
    alone = by_label(read(dataset, batch_size=1)[:11])
    changed = [
        not np.array_equal(first[k], second[k])
        and not np.array_equal(first[k], IMAGES[k, ..., :channels])
        for k in range(11)
    ]
    assert sum(changed) >= 8
    for k, image in first.items():
        np.testing.assert_array_equal(image, alone[k])


def drawn(*values):
    """Returns a function that draws given numbers in [0, 1)."""
    return lambda number: tf.constant([int(values[number - 6] * 2**31)])


@pytest.mark.parametrize("ratio", [0, 0.5, 0.9])
def test_a_resized_crop_of_the_whole_area_is_the_image(ratio):
    crop = crops.ResizedCrop(1.0)
    result = crop(tf.constant(IMAGES[:1]), drawn(0, ratio, 0.7, 0.2))
    np.testing.assert_array_equal(result, IMAGES[:1])


def test_a_resized_crop_is_a_part_of_the_image():
    # A quarter of the area: half of each side, from the last row and column on.
    ramp = tf.constant(np.arange(5.0)[None, :, None, None] + np.zeros((5, 1)))
    crop = crops.ResizedCrop(0.25)
    result = crop(ramp, drawn(0, 0.5, 1 - 2**-20, 0.0))
    np.testing.assert_allclose(result[0, :, 0, 0], np.linspace(2, 4, 5), 1e-4)


@pytest.mark.slow
def test_rand_augment_in_a_graph_varies_as_alone_and_after_a_resumption():
    dataset = varied({"rand_augment": 0.3})
    whole = read(dataset)
    for one, other in zip(whole[4:], read(dataset, first_step=4), strict=True):
        np.testing.assert_array_equal(one[0], other[0])
    keys = tf.constant(RANDOM.integers(0, 2**31, 11, np.int32))
    layer = dataset.crop.parts[1]

    def vary(images):
        return layer(images, lambda _: keys)

    images = tf.constant(IMAGES)
    np.testing.assert_allclose(
        tf.function(vary)(images), vary(images), atol=1.0
    )


def test_without_a_hue_the_other_layers_vary_as_in_earlier_versions():
    settings = {"color_jitter": 0.4, "rand_augment": 0.3}
    layer = varied(settings).crop.parts[1]
    # A part of the key of a teacher's cache, and the numbers of the stages.
    assert repr(layer) == (
        "ImageLayers(channels=3, white=255.0, color_jitter=0.4, "
        "rand_augment=0.3, operations=2)"
    )
    assert len(layer.stages) == 3 + 2
    hue = varied(settings | {"hue": 0.1}).crop.parts[1]
    assert "hue=0.1" in repr(hue) and len(hue.stages) == 3 + 1 + 2
    kept = [type(one) for (one,) in hue.stages[:3]]
    assert kept == [type(one) for (one,) in layer.stages[:3]]


def test_pixels_from_0_to_1_vary_as_those_from_0_to_255():
    settings = OPTIONS["jitter"]
    small = varied(settings, IMAGES.astype("float32") / 255)
    assert (
        small.crop.parts[1].white,
        varied(settings).crop.parts[1].white,
    ) == (
        1.0,
        255.0,
    )
    for one, other in zip(read(small), read(varied(settings)), strict=True):
        np.testing.assert_allclose(255 * one[0], other[0], atol=0.51)


def test_the_augmentation_of_a_dataset_is_a_part_of_its_key_in_a_cache():
    one, other, again = (
        repr(varied({"rand_augment": factor}).crop)
        for factor in (0.1, 0.2, 0.1)
    )
    assert one == again != other
    assert repr(varied({}).crop) == "Crop(pad=0, flip=False)"


@pytest.mark.parametrize(
    ("settings", "images", "labels", "sentence"),
    [
        ({"rand_augment": 0.1}, IMAGES[..., :2], LABELS, "of 1 or 3 channels"),
        (
            {"hue": 0.1},
            IMAGES[..., :1],
            LABELS,
            "`hue` is for images of 3 channels. Set it to 0. Received: "
            "channels=[1], hue=0.1.",
        ),
        (
            {"color_jitter": 0.1},
            IMAGES.astype("float32") - 128,
            LABELS,
            "Normalize images in a layer of the model. Received: least=-128",
        ),
        (
            {"resized_crop": 0.5},
            IMAGES,
            np.zeros((11, 6, 8), int),
            "the labels would have to vary with them",
        ),
        ({"resized_crop": 0.5}, IMAGES[:, 0, 0], LABELS, "mine has no images"),
        (
            {"color_jitter": 0.5},
            {"one": IMAGES, "other": (IMAGES / 255).astype("float32")},
            LABELS,
            "need the same range of pixels in all inputs",
        ),
    ],
)
def test_images_that_cannot_vary_are_refused(
    settings, images, labels, sentence
):
    with pytest.raises(errors.SettingsError) as caught:
        varied(settings, images, labels)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("train", "how"),
    [
        ((IMAGES, LABELS), {"class_weight": {0: 2.0}}),
        ((IMAGES, LABELS), {"steps": 2}),
        ((IMAGES, LABELS, np.ones(11)), {}),
        ((IMAGES, {"one": LABELS}), {}),
    ],
)
def test_arrays_that_are_read_in_batches_are_refused_with_the_reason(
    train, how
):
    dataset = own_data.read(train, rank=4, batch_size=4, **how)
    sentence = "without sample weights, `class_weight` and numbers of steps"
    with pytest.raises(errors.SettingsError, match=sentence):
        augmented.augmented(
            dataset,
            config.Augmentation(resized_crop=0.5),
            classes=0,
            image_layers=None,
        )


def test_layers_of_keras_are_asked_for():
    settings = config.Augmentation(rand_augment=0.1)
    with pytest.raises(errors.SettingsError, match="Pass `image_layers=lit_tf"):
        data.load(config.Data(augmentation=settings))
    loaded = data.load(
        config.Data(augmentation=settings), image_layers=layers.ImageLayers
    )
    assert loaded.crop.parts[1].rand_augment == 0.1
