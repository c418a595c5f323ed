"""Array stores: arrays are found by their key, and they are whole or absent."""

import json
import os

import numpy as np
import pytest

from lit_tf import errors
from lit_tf.teacher import array_store

FORMS = {
    "a": ((2, 3), np.dtype("float16")),
    "b": ((4,), np.dtype("float32")),
}
KEY = {"teacher": "x", "shape": [2, 3]}


def fill(arrays):
    arrays["a"][:] = np.arange(6).reshape(2, 3)
    arrays["b"][:] = 7


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_the_filled_arrays_are_returned(kind, tmp_path):
    store = (
        array_store.MemoryStore()
        if kind == "memory"
        else array_store.DiskStore(tmp_path)
    )
    with store.locked(KEY):
        arrays = store.create(KEY, FORMS, fill)
    np.testing.assert_array_equal(arrays["a"], np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(arrays["b"], [7, 7, 7, 7])
    assert store.free() > 0


def test_the_size_is_that_of_the_files(tmp_path):
    array_store.DiskStore(tmp_path).create(KEY, FORMS, fill)
    files = tmp_path.rglob("*.bin")
    assert sum(f.stat().st_size for f in files) == array_store.size(FORMS) == 28


def test_another_store_finds_the_arrays_by_their_key(tmp_path):
    array_store.DiskStore(tmp_path).create(KEY, FORMS, fill)
    store = array_store.DiskStore(tmp_path)
    np.testing.assert_array_equal(store.find(KEY, FORMS)["b"], [7, 7, 7, 7])
    assert store.find(KEY | {"teacher": "y"}, FORMS) is None


def test_arrays_that_0_1_stored_are_found(tmp_path):
    folder = tmp_path / "889aa129bed54ad6"
    folder.mkdir()
    (folder / "key.json").write_text(json.dumps(KEY))
    (folder / "a.bin").write_bytes(np.arange(6, dtype="float16").tobytes())
    (folder / "b.bin").write_bytes(np.full(4, 7, "float32").tobytes())
    arrays = array_store.DiskStore(tmp_path).find(KEY, FORMS)
    np.testing.assert_array_equal(arrays["a"], np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(arrays["b"], [7, 7, 7, 7])


def test_arrays_that_were_found_cannot_be_changed(tmp_path):
    store = array_store.DiskStore(tmp_path)
    store.create(KEY, FORMS, fill)
    with pytest.raises(ValueError, match="read-only"):
        store.find(KEY, FORMS)["a"][:] = 0


@pytest.mark.parametrize("damage", ["short", "missing"])
def test_damaged_arrays_are_not_found_and_are_replaced(tmp_path, damage):
    store = array_store.DiskStore(tmp_path)
    store.create(KEY, FORMS, fill)
    (folder,) = (p for p in tmp_path.iterdir() if p.is_dir())
    if damage == "short":
        os.truncate(folder / "a.bin", 11)
    else:
        (folder / "b.bin").unlink()
    assert store.find(KEY, FORMS) is None
    store.create(KEY, FORMS, fill)
    assert store.find(KEY, FORMS)


def test_nothing_remains_of_arrays_that_could_not_be_filled(tmp_path):
    store = array_store.DiskStore(tmp_path)

    def fail(arrays):
        arrays["a"][:] = 1
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        store.create(KEY, FORMS, fail)
    assert store.find(KEY, FORMS) is None
    assert not list(tmp_path.rglob("*.bin"))


def test_a_full_disk_is_reported_before_anything_is_filled(
    tmp_path, monkeypatch
):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(errors.DataError, match="no room for 0.0 kB .No space"):
        array_store.DiskStore(tmp_path).create(KEY, FORMS, pytest.fail)
    assert not list(tmp_path.rglob("*.bin"))


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(errors.DataError, match="--teacher_cache_dir=.*file/x"),
        array_store.DiskStore(tmp_path / "file" / "x").locked(KEY),
    ):
        pass


def test_the_free_room_is_known_before_the_folder_exists(tmp_path):
    assert array_store.DiskStore(tmp_path / "a" / "b").free() > 0
    assert not any(tmp_path.iterdir())
