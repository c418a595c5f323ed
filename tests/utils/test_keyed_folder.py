"""A keyed folder is found by its key alone, and it is whole or absent."""

import json
import multiprocessing
import time

import pytest

from lit_tf import errors
from lit_tf.utils.keyed_folder import KeyedFolder

KEY = {"teacher": "x", "shape": [2, 3]}
NAME = "889aa129bed54ad6"  # The hash that 0.1 gave to this key.


def write(folder):
    (folder / "text").write_text("content")
    return {"lines": 1}


def read(folder, facts):
    return (folder / "text").read_text(), facts["lines"]


def lock(folder, waiting="waits"):
    return folder.locked(folder="the parent", waiting=waiting)


def test_the_content_is_found_by_its_key(tmp_path):
    KeyedFolder(tmp_path, KEY).write(write)
    assert KeyedFolder(tmp_path, dict(KEY)).read(read) == ("content", 1)
    assert KeyedFolder(tmp_path, KEY | {"teacher": "y"}).read(read) is None


def test_folders_have_the_names_that_0_1_gave_them(tmp_path):
    assert KeyedFolder(tmp_path, KEY).path == tmp_path / NAME
    prefixed = KeyedFolder(tmp_path, KEY, prefix="train.csv-")
    assert prefixed.path == tmp_path / f"train.csv-{NAME}"


@pytest.mark.parametrize(
    ("file", "value"),
    [
        pytest.param("facts.json", {"lines": 1, "key": KEY}, id="data"),
        pytest.param("key.json", KEY, id="teacher's outputs"),
    ],
)
def test_folders_that_0_1_wrote_are_found(tmp_path, file, value):
    folder = tmp_path / NAME
    folder.mkdir()
    (folder / "text").write_text("old")
    (folder / file).write_text(json.dumps(value))

    def read(folder, facts):
        assert facts == (value if file == "facts.json" else {"key": KEY})
        return (folder / "text").read_text()

    assert KeyedFolder(tmp_path, KEY).read(read) == "old"


@pytest.mark.parametrize(
    "damage", ["no folder", "no text", "no facts", "cut off", "other key"]
)
def test_a_damaged_folder_is_not_read_and_is_replaced(tmp_path, damage):
    folder = KeyedFolder(tmp_path, KEY)
    if damage != "no folder":
        folder.write(write)
        facts = folder.path / "facts.json"
        if damage == "no text":
            (folder.path / "text").unlink()
        elif damage == "no facts":
            facts.unlink()
        elif damage == "cut off":
            facts.write_text(facts.read_text()[:-3])
        else:  # As if two keys had the same hash.
            text = facts.read_text().replace('"x"', '"y"')
            facts.write_text(text)
    assert folder.read(read) is None
    folder.write(write)
    assert folder.read(read) == ("content", 1)


def test_nothing_remains_of_a_folder_that_was_not_completed(tmp_path):
    def fail(folder):
        write(folder)
        raise RuntimeError("stopped")

    folder = KeyedFolder(tmp_path, KEY)
    with pytest.raises(RuntimeError, match="stopped"):
        folder.write(fail)
    assert folder.read(read) is None
    assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_the_previous_content(tmp_path):
    folder = KeyedFolder(tmp_path, KEY)
    folder.write(write)
    with pytest.raises(ZeroDivisionError):
        folder.write(lambda _: 1 // 0)
    assert folder.read(read) == ("content", 1)


def test_a_parent_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.DataError, match="the parent cannot be written"):
        with lock(KeyedFolder(tmp_path / "file" / "x", KEY)):
            pass


def _hold(parent, held, release):
    folder = KeyedFolder(parent, KEY)
    with lock(folder):
        held.set()
        release.wait(30)
        folder.write(write)


def _release_soon(release):
    time.sleep(1)
    release.set()


def test_a_second_process_waits_and_finds_the_content(tmp_path, capsys):
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    first = context.Process(target=_hold, args=(tmp_path, held, release))
    first.start()
    assert held.wait(30)
    context.Process(target=_release_soon, args=(release,)).start()
    folder = KeyedFolder(tmp_path, KEY)
    with lock(folder, waiting="waits for the first"):
        assert folder.read(read) == ("content", 1)
    assert capsys.readouterr().out == "waits for the first\n"
    first.join(30)
    assert first.exitcode == 0
