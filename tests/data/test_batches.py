"""Order and augmentation of batches, also after a resumption."""

import numpy as np
import pytest
import tensorflow as tf

from lit_tf.data import batches, crops, keyed_random, rows
from lit_tf.data.dataset import Split

CROP = crops.Crop(pad=2, flip=True)


def numbered(examples):
    """Returns a split with labels 0, 1, 2, … and different images."""
    images = np.random.default_rng(0).integers(0, 256, (examples, 5, 5, 3))
    return Split(images.astype(np.uint8), np.arange(examples, dtype=np.int32))


def read(split, *, batch_size=4, epochs=1, seed=0, crop=CROP, **settings):
    """Returns the training batches as a list of NumPy pairs."""
    return list(
        batches.training(
            split,
            batch_size=batch_size,
            epochs=epochs,
            seed=seed,
            crop=crop,
            **settings,
        ).as_numpy_iterator()
    )


def order(split, **settings):
    return np.concatenate([labels for _, labels in read(split, **settings)])


def images_by_label(batches_read):
    return {
        int(label): image
        for images, labels in batches_read
        for image, label in zip(images, labels, strict=True)
    }


def test_an_epoch_visits_every_example_once():
    epochs = order(numbered(11), epochs=4).reshape(4, 11)
    for epoch in epochs:
        assert sorted(epoch) == list(range(11))


@pytest.mark.parametrize("examples", (1, 2, 300, 2**16, 2**16 + 1))
def test_a_permutation_has_every_number_once(examples):
    order = keyed_random.order(tf.range(examples), 7, 3, examples)
    np.testing.assert_array_equal(np.sort(order), np.arange(examples))


def test_every_epoch_and_every_seed_has_a_different_order():
    split = numbered(11)
    orders = {
        tuple(epoch)
        for seed in (0, 1, 2**31 - 1)
        for epoch in order(split, epochs=4, seed=seed).reshape(4, 11)
    }
    assert len(orders) == 12


def test_the_order_does_not_depend_on_batch_size_or_length():
    split = numbered(11)
    short = order(split, batch_size=3, epochs=2)
    long = order(split, batch_size=7, epochs=3)
    np.testing.assert_array_equal(short, long[:22])


def test_the_last_batch_of_an_epoch_has_the_remaining_examples():
    split = numbered(11)
    sizes = [len(labels) for _, labels in read(split, epochs=2)]
    assert sizes == [4, 4, 3] * 2
    assert batches.steps_per_epoch(split, 4) == 3
    assert batches.steps_per_epoch(split, 11) == 1


def test_a_resumed_run_reads_the_tail_of_an_uninterrupted_run():
    split = numbered(11)
    whole = read(split, epochs=2, seed=5)
    for step in range(7):
        tail = read(split, epochs=2, seed=5, first_step=step)
        assert len(tail) == 6 - step
        for before, after in zip(whole[step:], tail, strict=True):
            np.testing.assert_array_equal(before[0], after[0])
            np.testing.assert_array_equal(before[1], after[1])


def test_each_image_of_a_batch_has_its_own_label():
    split = numbered(11)
    for images, labels in read(split, crop=crops.Crop()):
        np.testing.assert_array_equal(images, split.inputs[labels])
        assert (images.dtype, labels.dtype) == (np.uint8, np.int32)


def test_the_augmentation_of_an_example_does_not_depend_on_the_batch_size():
    split = numbered(11)
    one, other = (
        images_by_label(read(split, batch_size=size)) for size in (3, 8)
    )
    assert one.keys() == other.keys()
    for label, image in one.items():
        np.testing.assert_array_equal(image, other[label])


def test_the_augmentation_of_an_example_changes_with_epoch_and_seed():
    split = numbered(11)
    batches_read = read(split, epochs=2)
    first = images_by_label(batches_read[:3])
    for others in (batches_read[3:], read(split, seed=1)):
        others = images_by_label(others)
        same = sum(np.array_equal(first[k], others[k]) for k in first)
        assert same <= 2  # Of 11 images with 50 possible augmentations each.


def test_every_shift_and_flip_is_drawn_about_equally_often():
    marked = np.zeros((4096, 3, 3, 1), np.uint8)
    marked[:, 1, 1], marked[:, 1, 2] = 2, 1
    split = Split(marked, np.arange(4096, dtype=np.int32))
    images = np.concatenate(
        [b for b, _ in read(split, batch_size=512, crop=crops.Crop(1, True))]
    )
    # The new place of the centre, and the side of its neighbour.
    place = np.argmax(images.reshape(-1, 9) == 2, axis=1)
    counts = np.bincount(place, minlength=9)
    assert np.all(np.abs(counts - 4096 / 9) < 5 * np.sqrt(4096 / 9))
    middle = images[place == 4]
    flipped = np.count_nonzero(middle[:, 1, 0])
    assert abs(flipped / len(middle) - 0.5) < 2.5 / np.sqrt(len(middle))


def test_every_example_comes_first_about_equally_often():
    first = order(numbered(4), epochs=400).reshape(400, 4)[:, 0]
    counts = np.bincount(first, minlength=4)
    assert np.all(np.abs(counts - 100) < 5 * np.sqrt(75))


def test_evaluation_reads_a_split_in_order_without_augmentation():
    split = numbered(11)
    read_once = list(batches.evaluation(split, batch_size=4))
    assert [len(labels) for _, labels in read_once] == [4, 4, 3]
    images, labels = map(np.concatenate, zip(*read_once, strict=True))
    np.testing.assert_array_equal(images, split.inputs)
    np.testing.assert_array_equal(labels, split.labels)


def test_rows_of_a_file_and_arrays_in_memory_give_equal_batches(tmp_path):
    split = numbered(11)
    split.inputs.tofile(tmp_path / "rows.bin")
    file = np.memmap(tmp_path / "rows.bin", np.uint8, "r", shape=(11, 5, 5, 3))
    mapped = Split(rows.MappedRows(file), split.labels)
    part = np.array([9, 2, 3, 10, 0, 7])
    for in_file, in_memory in (
        (mapped, split),
        (mapped.take(part), split.take(part)),
    ):
        for actual, expected in (
            (read(in_file, epochs=2), read(in_memory, epochs=2)),
            (
                list(batches.evaluation(in_file, batch_size=4)),
                list(batches.evaluation(in_memory, batch_size=4)),
            ),
        ):
            assert len(actual) == len(expected)
            for one, other in zip(actual, expected, strict=True):
                np.testing.assert_array_equal(one[0], other[0])
                np.testing.assert_array_equal(one[1], other[1])


def test_an_epoch_of_whole_batches_drops_the_remaining_examples():
    split = numbered(11)
    whole = read(split, epochs=3, whole=True)
    assert [len(labels) for _, labels in whole] == [4, 4] * 3
    actual = np.concatenate([labels for _, labels in whole]).reshape(3, 8)
    expected = order(split, epochs=3).reshape(3, 11)[:, :8]
    np.testing.assert_array_equal(actual, expected)
    assert batches.steps_per_epoch(split, 4, whole=True) == 2


def test_fewer_examples_than_a_batch_give_one_small_batch():
    (small,) = read(numbered(3), whole=True)
    assert sorted(small[1]) == [0, 1, 2]
    assert batches.steps_per_epoch(numbered(3), 4, whole=True) == 1


@pytest.mark.parametrize(("last", "steps"), [(4, 4), (3, 3), (99, 6), (0, 0)])
def test_batches_end_at_the_last_step_or_the_last_epoch(last, steps):
    split = numbered(11)
    part = read(split, epochs=2, last_step=last)
    assert len(part) == steps
    for one, other in zip(part, read(split, epochs=2)[:steps], strict=True):
        np.testing.assert_array_equal(one[1], other[1])
