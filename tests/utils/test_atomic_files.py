"""A file or folder is written whole or not at all."""

import json

import pytest

from lit_tf import errors
from lit_tf.utils import atomic_files


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file"
    atomic_files.write_text(path, "before")
    with pytest.raises(RuntimeError):
        with atomic_files.whole(path) as partial:
            partial.write_text("half")
            raise RuntimeError
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_replaces_a_folder(tmp_path):
    for content in ("old", "new"):
        with atomic_files.whole(tmp_path / "folder") as partial:
            partial.mkdir()
            (partial / content).write_text("")
    (only,) = (tmp_path / "folder").iterdir()
    assert only.name == "new"


ERRORS = {
    "a full disk": OSError(28, "No space left on device"),
    "a read-only disk": OSError(30, "Read-only file system"),
    "a full disk in C++": RuntimeError("x; No space left on device\n"),
}


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("folder", [False, True])
def test_an_error_of_writing_names_the_path_and_keeps_the_old(
    error, folder, tmp_path
):
    path = tmp_path / "results"
    if folder:
        path.mkdir()
    else:
        path.write_text("before")
    with pytest.raises(errors.DataError) as caught:
        with atomic_files.whole(path) as partial:
            partial.write_text("half")
            raise error
    assert str(caught.value).startswith(f"{path} cannot be written (")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [path] and path.is_dir() == folder


def test_an_error_of_reading_another_file_is_not_one_of_writing(tmp_path):
    with pytest.raises(FileNotFoundError, match="elsewhere"):
        with atomic_files.whole(tmp_path / "folder" / "file"):
            open(tmp_path / "elsewhere")


def test_a_folder_that_could_not_be_replaced_stays(tmp_path, monkeypatch):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").write_text("")
    replace = atomic_files.os.replace

    def fail(source, target):
        if source.name.startswith(".partial"):
            raise OSError(5, "Input/output error")
        replace(source, target)

    monkeypatch.setattr(atomic_files.os, "replace", fail)
    with pytest.raises(errors.DataError, match="Input/output error"):
        with atomic_files.whole(path) as partial:
            partial.mkdir()
    assert [one.name for one in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_of_two_that_write_a_file_at_once_one_gets_a_sentence(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(errors.DataError, match="cannot be written .No such"):
        with atomic_files.whole(path) as partial:
            partial.write_text("first")
            atomic_files.write_text(path, "second")
    assert path.read_text() == "second"
    assert list(tmp_path.iterdir()) == [path]


def test_json_has_null_for_numbers_that_are_not_finite(tmp_path):
    value = {"auc": float("nan"), "all": [1.5, float("inf")], "none": None}
    atomic_files.write_json(tmp_path / "a.json", value)
    written = json.loads((tmp_path / "a.json").read_text())
    assert written == {"auc": None, "all": [1.5, None], "none": None}
