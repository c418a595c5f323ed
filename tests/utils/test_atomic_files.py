"""A file or folder is written whole or not at all."""

import pytest

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
