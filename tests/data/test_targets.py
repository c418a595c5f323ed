"""Target attributes: each in turn another, and nothing else."""

import numpy as np

from lit_tf.data import targets

NAMES = ("Black", "Blond", "Brown", "Male", "Young")
HAIR = (("Brown", "Black", "Blond"),)  # In another order than the names.
LABELS = np.array([[1, 0, 0, 1, 0], [0, 0, 0, 0, 1], [0, 1, 1, 1, 1]])


def test_a_plain_attribute_becomes_its_opposite_and_the_rest_stays():
    wanted = targets.each(LABELS, NAMES, HAIR)
    for i in (3, 4):
        flipped = LABELS.copy()
        flipped[:, i] = 1 - flipped[:, i]
        np.testing.assert_array_equal(wanted[i], flipped)


def test_one_of_a_group_is_given_and_the_others_are_taken():
    wanted = targets.each(LABELS, NAMES, HAIR)
    for i in range(3):
        np.testing.assert_array_equal(wanted[i, :, :3], [np.eye(3)[i]] * 3)
        np.testing.assert_array_equal(wanted[i, :, 3:], LABELS[:, 3:])


def test_groups_do_not_touch_each_other():
    groups = (("Black", "Blond"), ("Male", "Young"))
    wanted = targets.each(LABELS, NAMES, groups)
    np.testing.assert_array_equal(wanted[4, :, 3:], [[0, 1]] * 3)
    np.testing.assert_array_equal(wanted[4, :, :3], LABELS[:, :3])
    np.testing.assert_array_equal(wanted[2, :, 2], 1 - LABELS[:, 2])


def test_targets_are_float32_and_the_labels_stay_as_they_are():
    labels = LABELS.astype(np.float32)
    wanted = targets.each(labels, NAMES, HAIR)
    assert (wanted.shape, wanted.dtype) == ((5, 3, 5), np.float32)
    np.testing.assert_array_equal(labels, LABELS)
