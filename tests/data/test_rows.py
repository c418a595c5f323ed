"""Rows of a file equal those of an array and do not stay in memory."""

import numpy as np
import pytest

from lit_tf.data import rows

TABLE = np.arange(24, dtype=np.uint8).reshape(6, 4)


@pytest.fixture
def mapped(tmp_path):
    TABLE.tofile(tmp_path / "table.bin")
    file = np.memmap(tmp_path / "table.bin", np.uint8, "r", shape=TABLE.shape)
    return rows.MappedRows(file)


def test_rows_have_the_shape_and_type_of_their_array(mapped):
    for some, array in ((mapped, TABLE), (mapped.take([4, 1]), TABLE[[4, 1]])):
        assert len(some) == len(array)
        assert some.shape == array.shape
        assert (some.dtype, some.ndim) == (array.dtype, array.ndim)


@pytest.mark.parametrize(
    "key", [2, slice(1, 4), slice(None), np.array([5, 0, 0]), np.array([], int)]
)
def test_indexing_rows_equals_indexing_an_array(mapped, key):
    np.testing.assert_array_equal(mapped[key], TABLE[key])
    assert not isinstance(mapped[key], np.memmap)


def test_rows_can_be_taken_from_taken_rows(mapped):
    taken = mapped.take(np.array([5, 3, 1])).take(np.array([2, 0]))
    np.testing.assert_array_equal(taken[:], TABLE[[1, 5]])
    assert [list(row) for row in taken] == TABLE[[1, 5]].tolist()


def test_only_rows_can_be_taken(mapped):
    with pytest.raises(ValueError, match="axis=1"):
        mapped.take([0], 1)


def _resident(path):
    """Returns how many bytes of a file are in this process's memory."""
    counted, total = False, 0
    for line in open("/proc/self/smaps"):
        if "-" in line.split()[0] and not line.startswith("Rss"):
            counted = line.rstrip().endswith(str(path))
        elif counted and line.startswith("Rss:"):
            total += 1024 * int(line.split()[1])
    return total


def test_rows_do_not_stay_in_memory_after_a_read(tmp_path):
    path = tmp_path / "large.bin"
    np.ones((4096, 4096), np.uint8).tofile(path)
    file = np.memmap(path, np.uint8, "r", shape=(4096, 4096))
    whole = rows.MappedRows(file)
    assert sum(int(whole[i].sum()) for i in range(0, 4096, 64)) == 64 * 4096
    assert _resident(path) == 0
    assert file[::64].sum() == 64 * 4096  # The plain memory map, by contrast.
    assert _resident(path) > 64 * 4096
