"""Mixup and CutMix: their definition, their labels, what is refused."""

import numpy as np
import pytest
import scipy.stats
import slow
import tensorflow as tf

from lit_tf import config, data, errors
from lit_tf.data import augmented, batches, crops, shares
from lit_tf.data.mixing import Mixing
from lit_tf.data.streams import Stream

KINDS = {
    "mixup": {"mixup": 0.4},
    "cutmix": {"cutmix": 1.0},
    "both": {"mixup": 0.4, "cutmix": 1.0},
}


def split(examples=11, classes=3, dtype=np.uint8):
    """Returns images whose channels show their class, and a position."""
    labels = np.arange(examples) % classes
    images = 200 * np.eye(classes)[labels][:, None, None]
    return data.Split(
        np.tile(images, (1, 4, 6, 1)).astype(dtype), labels.astype(np.int32)
    )


def read(examples, kind, *, epochs=1, **how):
    mixing = Mixing(classes=3, **KINDS[kind])
    return list(
        batches.training(
            examples,
            batch_size=4,
            epochs=epochs,
            seed=3,
            crop=crops.Crop(),
            mixing=mixing,
            **how,
        ).as_numpy_iterator()
    )


def mixed(mixing, first, second, draws):
    """Mixes images of labels 0 and 1 by given draws."""
    shape = (1, 4, 4, 1)
    images, labels = mixing(
        (tf.fill(shape, first), tf.constant([0])),
        (tf.fill(shape, second), tf.constant([1])),
        lambda number: tf.constant([int(draws[number - 20] * 2**31)]),
    )
    return images[0, ..., 0].numpy(), labels[0].numpy()


@pytest.mark.parametrize("alpha", [0.2, 1.0, 8.0])
@pytest.mark.parametrize("u", [0.3, 0.5, 0.9])
def test_mixup_is_its_definition(alpha, u):
    share = scipy.stats.beta(alpha, alpha).ppf(u)
    mixing = Mixing(classes=2, mixup=alpha)
    images, labels = mixed(mixing, 10.0, 30.0, (u,))
    np.testing.assert_allclose(images, share * 10 + (1 - share) * 30, 1e-5)
    np.testing.assert_allclose(labels, [share, 1 - share], atol=1e-6)


def test_cutmix_replaces_a_rectangle_and_as_much_of_the_label():
    # λ = 3/4 is a square of 2 pixels; its centre is at row 1, column 3.
    images, labels = mixed(
        Mixing(classes=2, cutmix=1.0), 1, 7, (0.75, 0, 0.25, 0.75)
    )
    expected = np.ones((4, 4))
    expected[0:2, 2:4] = 7
    np.testing.assert_array_equal(images, expected)
    np.testing.assert_allclose(labels, [0.75, 0.25])


def test_the_label_has_the_share_of_a_rectangle_cut_by_the_border():
    images, labels = mixed(
        Mixing(classes=2, cutmix=1.0), 1, 7, (0.75, 0, 0.0, 0.25)
    )
    assert (images == 7).sum() == 2
    np.testing.assert_allclose(labels, [14 / 16, 2 / 16])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "dtype", slow.all_but([np.uint8], [np.uint8, np.float32])
)
def test_labels_have_the_shares_of_the_images(kind, dtype):
    shares = []
    for images, labels in read(split(dtype=dtype), kind, epochs=4):
        assert (images.dtype, labels.dtype) == (dtype, np.float32)
        found = images.astype("float64").mean(axis=(1, 2)) / 200
        np.testing.assert_allclose(found, labels, atol=1 / 200)
        shares.append(labels.max(axis=1))
    assert (np.concatenate(shares) < 0.95).mean() > 0.1


def test_a_resumed_run_and_every_replica_mix_the_same_examples():
    kind = "both"
    whole = read(split(), kind, epochs=2)
    tail = read(split(), kind, epochs=2, first_step=4)
    for one, other in zip(whole[4:], tail, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    halves = [
        read(split(), kind, share=shares.Share(first=i, replicas=2))
        for i in (0, 1)
    ]
    for step, parts in enumerate(zip(*halves, strict=True)):
        for i in (0, 1):
            joined = np.concatenate([part[i] for part in parts])
            np.testing.assert_array_equal(joined, whole[step][i])
    first, second = whole[:3], whole[3:]
    assert not np.array_equal(first[0][1], second[0][1])


def dataset(train, **fields):
    return data.Dataset(
        name="mine",
        train=train,
        test=None,
        classes=("a", "b", "c"),
        stem={},
        crop=crops.Crop(),
        **fields,
    )


def test_a_dataset_without_augmentation_is_the_same_object():
    whole = dataset(split())
    assert (
        augmented.augmented(
            whole, config.Augmentation(), classes=3, image_layers=None
        )
        is whole
    )


def stream():
    one = split(4)
    batch = tf.data.Dataset.from_tensors((one.inputs, one.labels))
    return Stream(batch, steps=1, endless=False, first=next(iter(batch)))


CLASSES = np.array([0, 1, 2, 0])
BOTH = data.Split(
    {"image": np.zeros((4, 2, 2, 3)), "age": np.zeros((4, 2))}, CLASSES
)
REFUSED = {
    "texts": (data.Split(np.zeros((4, 9)), CLASSES), 3, "no images"),
    "streams": (stream(), 3, "as arrays (inputs, labels) with one"),
    "numbers": (split(), 0, "a single input of images, each with one of"),
    "positions": (
        data.Split(np.zeros((4, 2, 2, 3)), np.zeros((4, 2, 2), int)),
        3,
        "labels would have to vary with them",
    ),
    "two inputs": (BOTH, 3, "a single input of images, each with one of"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_examples_that_cannot_be_mixed_are_refused(name):
    train, classes, sentence = REFUSED[name]
    with pytest.raises(errors.SettingsError) as caught:
        augmented.augmented(
            dataset(train),
            config.Augmentation(mixup=0.2),
            classes=classes,
            image_layers=None,
        )
    assert sentence in str(caught.value)
    assert "mixup=0.2" in str(caught.value) or "`mixup`" in str(caught.value)


def test_the_settings_of_a_dataset_mix_its_examples():
    settings = config.Data(augmentation=config.Augmentation(cutmix=0.5))
    loaded = data.load(settings)
    assert loaded.mixing == Mixing(classes=10, cutmix=0.5)


def test_a_cache_of_the_teacher_excludes_mixing():
    mixes = config.Data(augmentation=config.Augmentation(mixup=0.2))
    config.Compress(data=mixes)
    with pytest.raises(errors.SettingsError, match="stores outputs for single"):
        config.Compress(
            data=mixes, frozen=config.Frozen(teacher_cache="memory")
        )
