"""Target attributes: each target changes one attribute and no other."""

import numpy as np

from lit_tf.data import targets

NAMES = ("Black", "Blond", "Brown", "Male", "Young")
HAIR = (("Brown", "Black", "Blond"),)  # The order differs from NAMES.
LABELS = np.array([[1, 0, 0, 1, 0], [0, 0, 0, 0, 1], [0, 1, 1, 1, 1]])


def test_a_single_attribute_is_inverted_and_the_others_stay():
    changed = targets.each(LABELS, NAMES, HAIR)
    for i in (3, 4):
        flipped = LABELS.copy()
        flipped[:, i] = 1 - flipped[:, i]
        np.testing.assert_array_equal(changed[i], flipped)


def test_one_attribute_of_a_group_is_set_and_the_others_are_cleared():
    changed = targets.each(LABELS, NAMES, HAIR)
    for i in range(3):
        np.testing.assert_array_equal(changed[i, :, :3], [np.eye(3)[i]] * 3)
        np.testing.assert_array_equal(changed[i, :, 3:], LABELS[:, 3:])


def test_groups_are_independent():
    groups = (("Black", "Blond"), ("Male", "Young"))
    changed = targets.each(LABELS, NAMES, groups)
    np.testing.assert_array_equal(changed[4, :, 3:], [[0, 1]] * 3)
    np.testing.assert_array_equal(changed[4, :, :3], LABELS[:, :3])
    np.testing.assert_array_equal(changed[2, :, 2], 1 - LABELS[:, 2])


def test_targets_are_float32_and_the_labels_are_not_modified():
    labels = LABELS.astype(np.float32)
    changed = targets.each(labels, NAMES, HAIR)
    assert (changed.shape, changed.dtype) == ((5, 3, 5), np.float32)
    np.testing.assert_array_equal(labels, LABELS)
