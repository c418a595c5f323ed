"""Stores: found by their key alone, whole or not at all."""

import json
import multiprocessing
import os
import time

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
def test_what_was_filled_is_returned(kind, tmp_path):
    store = (
        array_store.Memory() if kind == "memory" else array_store.Disk(tmp_path)
    )
    with store.alone(KEY):
        arrays = store.make(KEY, FORMS, fill)
    np.testing.assert_array_equal(arrays["a"], np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(arrays["b"], [7, 7, 7, 7])
    assert store.free() > 0


def test_the_size_is_that_of_the_files(tmp_path):
    array_store.Disk(tmp_path).make(KEY, FORMS, fill)
    files = tmp_path.rglob("*.bin")
    assert sum(f.stat().st_size for f in files) == array_store.size(FORMS) == 28


def test_another_process_finds_it_by_its_key(tmp_path):
    array_store.Disk(tmp_path).make(KEY, FORMS, fill)
    found = array_store.Disk(tmp_path).find(KEY, FORMS)
    np.testing.assert_array_equal(found["b"], [7, 7, 7, 7])
    assert (
        array_store.Disk(tmp_path).find(KEY | {"teacher": "y"}, FORMS) is None
    )


def test_what_is_found_cannot_be_changed(tmp_path):
    store = array_store.Disk(tmp_path)
    store.make(KEY, FORMS, fill)
    with pytest.raises(ValueError, match="read-only"):
        store.find(KEY, FORMS)["a"][:] = 0


@pytest.mark.parametrize("damage", ["short", "gone", "key", "no key"])
def test_what_is_not_whole_is_not_found(tmp_path, damage):
    store = array_store.Disk(tmp_path)
    store.make(KEY, FORMS, fill)
    (folder,) = (p for p in tmp_path.iterdir() if p.is_dir())
    if damage == "short":
        os.truncate(folder / "a.bin", 11)
    elif damage == "gone":
        (folder / "b.bin").unlink()
    elif damage == "key":  # As if two keys had one hash.
        (folder / "key.json").write_text(json.dumps(KEY | {"teacher": "y"}))
    else:
        (folder / "key.json").unlink()
    assert store.find(KEY, FORMS) is None
    store.make(KEY, FORMS, fill)
    assert store.find(KEY, FORMS)


def test_nothing_is_left_of_what_could_not_be_filled(tmp_path):
    store = array_store.Disk(tmp_path)

    def fail(arrays):
        arrays["a"][:] = 1
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        store.make(KEY, FORMS, fail)
    assert store.find(KEY, FORMS) is None
    assert not list(tmp_path.rglob("*.bin"))


def test_a_disk_that_is_full_is_told_of_before_anything_is_filled(
    tmp_path, monkeypatch
):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(errors.DataError, match="no room for 0.0 kB .No space"):
        array_store.Disk(tmp_path).make(KEY, FORMS, pytest.fail)
    assert not list(tmp_path.rglob("*.bin"))


def test_a_folder_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(errors.DataError, match="--teacher_cache_dir=.*file/x"),
        array_store.Disk(tmp_path / "file" / "x").alone(KEY),
    ):
        pass


def test_free_room_is_known_of_a_folder_that_is_not_yet(tmp_path):
    assert array_store.Disk(tmp_path / "a" / "b").free() > 0
    assert not any(tmp_path.iterdir())


def _hold(folder, held, release):
    with array_store.Disk(folder).alone(KEY):
        held.set()
        release.wait(30)
        array_store.Disk(folder).make(KEY, FORMS, fill)


def test_who_comes_second_waits_and_finds(tmp_path, capsys):
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    first = context.Process(target=_hold, args=(tmp_path, held, release))
    first.start()
    assert held.wait(30)
    context.Process(target=_soon, args=(release,)).start()
    store = array_store.Disk(tmp_path)
    with store.alone(KEY):
        assert store.find(KEY, FORMS)
    assert "waits for a run" in capsys.readouterr().out
    first.join(30)
    assert first.exitcode == 0


def _soon(event):
    time.sleep(1)
    event.set()
