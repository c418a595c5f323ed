"""Rows of a file are an array's, piece by piece, and stay out of memory."""

import numpy as np
import pytest

from lit_tf.data import rows

TABLE = np.arange(24, dtype=np.uint8).reshape(6, 4)


@pytest.fixture
def mapped(tmp_path):
    TABLE.tofile(tmp_path / "table.bin")
    file = np.memmap(tmp_path / "table.bin", np.uint8, "r", shape=TABLE.shape)
    return rows.Rows(file)


def test_rows_have_the_shape_and_type_of_their_array(mapped):
    for ours, array in ((mapped, TABLE), (mapped.take([4, 1]), TABLE[[4, 1]])):
        assert len(ours) == len(array)
        assert ours.shape == array.shape
        assert (ours.dtype, ours.ndim) == (array.dtype, array.ndim)


@pytest.mark.parametrize(
    "key", [2, slice(1, 4), slice(None), np.array([5, 0, 0]), np.array([], int)]
)
def test_rows_are_read_as_an_arrays_are(mapped, key):
    np.testing.assert_array_equal(mapped[key], TABLE[key])
    assert not isinstance(mapped[key], np.memmap)


def test_what_is_taken_is_chosen_from_what_there_was(mapped):
    taken = mapped.take(np.array([5, 3, 1])).take(np.array([2, 0]))
    np.testing.assert_array_equal(taken[:], TABLE[[1, 5]])
    assert [list(row) for row in taken] == TABLE[[1, 5]].tolist()


def test_only_rows_can_be_taken(mapped):
    with pytest.raises(ValueError, match="axis=1"):
        mapped.take([0], 1)


def _resident(path):
    """Returns the bytes of a file that are in this process's memory."""
    mine, total = False, 0
    for line in open("/proc/self/smaps"):
        if "-" in line.split()[0] and not line.startswith("Rss"):
            mine = line.rstrip().endswith(str(path))
        elif mine and line.startswith("Rss:"):
            total += 1024 * int(line.split()[1])
    return total


def test_what_was_read_does_not_stay_in_memory(tmp_path):
    path = tmp_path / "large.bin"
    np.ones((4096, 4096), np.uint8).tofile(path)
    file = np.memmap(path, np.uint8, "r", shape=(4096, 4096))
    whole = rows.Rows(file)
    assert sum(int(whole[i].sum()) for i in range(0, 4096, 64)) == 64 * 4096
    assert _resident(path) == 0
    assert file[::64].sum() == 64 * 4096  # What the array alone would leave.
    assert _resident(path) > 64 * 4096
