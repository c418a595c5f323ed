"""Batches of images with target attributes."""

import numpy as np
import pytest
import slow
import tensorflow as tf

from lit_tf.data import batches, crops, shares
from lit_tf.data.dataset import Split

CROP = crops.Crop(pad=2, flip=True)


def read(split, *, batch_size=4, epochs=1, seed=0, crop=CROP, **settings):
    """Returns the training batches as a list of nested NumPy arrays."""
    return list(
        batches.training(
            split,
            batch_size=batch_size,
            epochs=epochs,
            seed=seed,
            crop=crop,
            **{"task": "images"} | settings,
        ).as_numpy_iterator()
    )


def attributed(examples):
    """Returns a split in which no two images have the same attributes."""
    shape = (examples, 5, 5, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    labels = np.arange(examples)[:, np.newaxis] >> np.arange(5) & 1
    return Split(images, labels.astype(np.float32))


def numbers(attributes):
    return (attributes @ 2 ** np.arange(5)).astype(int)


def sources(batches_read):
    """Returns, for each batch, the images whose attributes are the targets."""
    results = []
    for (_, target), labels in batches_read:
        places = {number: i for i, number in enumerate(numbers(labels))}
        results.append(tuple(places[number] for number in numbers(target)))
    return results


def assert_equal(actual, expected):
    for batches_read in zip(actual, expected, strict=True):
        for one, other in zip(*map(tf.nest.flatten, batches_read), strict=True):
            np.testing.assert_array_equal(one, other)


def test_images_are_from_minus_one_to_one_and_have_their_own_attributes():
    split = attributed(11)
    some = read(split, crop=crops.Crop())
    assert len(some) == 3
    for (images, target), labels in some:
        expected = split.inputs[numbers(labels)] / 127.5 - 1
        np.testing.assert_allclose(images, expected, atol=1e-6)
        assert images.dtype == target.dtype == labels.dtype == np.float32


def test_targets_are_the_attributes_of_the_batch_in_another_order():
    split = attributed(19)
    some = read(split, batch_size=8, epochs=6)
    assert [len(labels) for _, labels in some] == [8, 8, 3] * 6
    orders = sources(some)  # Fails for an attribute of another batch.
    for places in orders:
        assert sorted(places) == [*range(len(places))]
    whole = [places for places in orders if len(places) == 8]
    assert len(set(whole)) == len(whole)  # Another order at every step.
    assert len(set(orders) - set(whole)) > 1  # Also in small batches.


def test_the_task_changes_neither_order_nor_augmentation():
    split = attributed(11)
    for (inputs, labels), ((images, _), same) in zip(
        read(split, task="classes"), read(split), strict=True
    ):
        np.testing.assert_array_equal(labels, same)
        assert inputs.dtype == np.uint8
        np.testing.assert_allclose(images, inputs / 127.5 - 1, atol=1e-6)


def test_targets_are_the_same_after_a_resumption():
    split, settings = attributed(11), {"epochs": 2, "seed": 5}
    uninterrupted = read(split, **settings)
    for step in range(6):
        resumed = read(split, **settings, first_step=step)
        assert_equal(resumed, uninterrupted[step:])


def test_other_seeds_have_other_targets():
    split = attributed(16)
    one, other = (
        sources(read(split, batch_size=16, seed=seed)) for seed in (0, 1)
    )
    assert one != other


@pytest.mark.parametrize("replicas", slow.all_but([3], [2, 3, 5]))
def test_the_parts_of_all_replicas_together_are_the_batch(replicas):
    split = attributed(11)
    parts = [
        read(
            split,
            share=shares.Share(first=first, replicas=replicas),
        )
        for first in range(replicas)
    ]
    together = [
        (
            [
                np.concatenate(part)
                for part in zip(*(x for x, _ in step), strict=True)
            ],
            np.concatenate([labels for _, labels in step]),
        )
        for step in zip(*parts, strict=True)
    ]
    assert_equal(together, read(split))


def test_targets_are_the_same_at_every_evaluation():
    split = attributed(19)
    once, again = (
        list(
            batches.evaluation(
                split, batch_size=8, task="images"
            ).as_numpy_iterator()
        )
        for _ in range(2)
    )
    assert_equal(once, again)
    for places in sources(once):
        assert sorted(places) == [*range(len(places))]
        assert places != tuple(range(len(places)))
    labels = np.concatenate([labels for _, labels in once])
    np.testing.assert_array_equal(labels, split.labels)
