"""Batches of pictures: what each is to become, in every order of things."""

import numpy as np
import pytest
import tensorflow as tf

from lit_tf.data import augment, batches
from lit_tf.data.dataset import Split

CROP = augment.Crop(pad=2, flip=True)


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
    """Returns a split of which each picture has attributes of its own."""
    shape = (examples, 5, 5, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    labels = np.arange(examples)[:, np.newaxis] >> np.arange(5) & 1
    return Split(images, labels.astype(np.float32))


def numbers(attributes):
    return (attributes @ 2 ** np.arange(5)).astype(int)


def moves(batches_read):
    """Returns of each batch whose attributes each picture is to have."""
    results = []
    for (_, target), labels in batches_read:
        places = {number: i for i, number in enumerate(numbers(labels))}
        results.append(tuple(places[number] for number in numbers(target)))
    return results


def check_alike(one, other):
    for got, wanted in zip(one, other, strict=True):
        for ours, theirs in zip(
            tf.nest.flatten(got), tf.nest.flatten(wanted), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)


def test_pictures_are_from_minus_one_to_one_beside_their_attributes():
    split = attributed(11)
    some = read(split, crop=augment.Crop())
    assert len(some) == 3
    for (images, target), labels in some:
        wanted = split.inputs[numbers(labels)] / 127.5 - 1
        np.testing.assert_allclose(images, wanted, atol=1e-6)
        assert images.dtype == target.dtype == labels.dtype == np.float32


def test_targets_are_the_attributes_of_the_batch_in_another_order():
    split = attributed(19)
    some = read(split, batch_size=8, epochs=6)
    assert [len(labels) for _, labels in some] == [8, 8, 3] * 6
    found = moves(some)  # An attribute of another batch would be no place.
    for places in found:
        assert sorted(places) == [*range(len(places))]
    long = [places for places in found if len(places) == 8]
    assert len(set(long)) == len(long)  # Another order at every step.
    assert len(set(found) - set(long)) > 1  # Also in short batches.


def test_the_task_changes_neither_order_nor_variation():
    split = attributed(11)
    plain, pictures = read(split, task="classes"), read(split)
    for (inputs, labels), ((images, _), same) in zip(
        plain, pictures, strict=True
    ):
        np.testing.assert_array_equal(labels, same)
        assert inputs.dtype == np.uint8
        np.testing.assert_allclose(images, inputs / 127.5 - 1, atol=1e-6)


def test_targets_are_the_same_after_a_resumption():
    split, how = attributed(11), {"epochs": 2, "seed": 5}
    undisturbed = read(split, **how)
    for step in range(6):
        check_alike(read(split, **how, first_step=step), undisturbed[step:])


def test_other_seeds_have_other_targets():
    split = attributed(16)
    one, other = (
        moves(read(split, batch_size=16, seed=seed)) for seed in (0, 1)
    )
    assert one != other


@pytest.mark.parametrize("replicas", [2, 3, 5])
def test_replicas_pieces_of_pictures_and_targets_are_the_batch(replicas):
    split = attributed(11)
    pieces = [
        read(
            split,
            share=batches.Share(first=first, replicas=replicas),
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
        for step in zip(*pieces, strict=True)
    ]
    check_alike(together, read(split))


def test_evaluation_asks_for_the_same_targets_every_time():
    split = attributed(19)
    once, again = (
        list(
            batches.evaluation(
                split, batch_size=8, task="images"
            ).as_numpy_iterator()
        )
        for _ in range(2)
    )
    check_alike(once, again)
    for places in moves(once):
        assert sorted(places) == [*range(len(places))]
        assert places != tuple(range(len(places)))
    labels = np.concatenate([labels for _, labels in once])
    np.testing.assert_array_equal(labels, split.labels)
