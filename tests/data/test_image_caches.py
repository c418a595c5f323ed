"""Decoded images of class folders, stored elsewhere."""

import json
import os
import shutil

import pytest
from own_files import classes, load, refused
from PIL import Image

from lit_tf import errors
from lit_tf.data import image_pixels
from lit_tf.utils.keyed_folder import KeyedFolder


def test_nothing_is_written_into_the_folder_of_the_images(
    tmp_path, encoded_folder
):
    classes(tmp_path, "a", "b")
    before = sorted(tmp_path.rglob("*"))
    loaded = load(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before
    assert len(list(encoded_folder.glob("*/pixels.bin"))) == 1
    assert str(encoded_folder) in loaded.note
    load(tmp_path, cache_dir=str(tmp_path / ".mine"))
    assert len(list((tmp_path / ".mine/encoded").glob("*/pixels.bin"))) == 1


def test_two_folders_do_not_share_their_pixels(tmp_path):
    for folder, value in (("one", 10), ("two", 200)):
        for name in ("a", "b"):
            (tmp_path / folder / name).mkdir(parents=True)
            for i in range(5):  # Equal names, sizes and times.
                path = tmp_path / folder / name / f"{i}.bmp"
                Image.new("RGB", (8, 8), (value,) * 3).save(path)
                os.utime(path, (0, 0))
    for folder, value in (("one", 10), ("two", 200)):
        assert (load(tmp_path / folder).train.inputs[:] == value).all()


def test_an_old_folder_of_pixels_is_read_and_is_no_class(
    tmp_path, encoded_folder, monkeypatch
):
    classes(tmp_path, "a", "b")
    first = load(tmp_path)
    (stored,) = encoded_folder.glob("pictures-*")
    facts = json.loads((stored / "facts.json").read_text())
    del facts["key"]["source"], facts["first_broken"]  # As version 0.1 wrote.
    old = KeyedFolder(tmp_path / "encoded", facts["key"], prefix="pictures-")
    shutil.copytree(stored, old.path)
    (old.path / "facts.json").write_text(json.dumps(facts))
    (tmp_path / "encoded" / f".{old.path.name}.lock").touch()
    with monkeypatch.context() as patch:
        patch.setattr(image_pixels, "read", None)
        again = load(tmp_path, cache_dir=str(tmp_path / "none"))
    assert again.fingerprint == first.fingerprint
    assert str(old.path) in again.note and not (tmp_path / "none").exists()
    assert load(tmp_path, image_size=12).classes == ("a", "b")


@pytest.mark.parametrize("cache", ["", "relative/path"])
def test_without_a_home_folder_the_flag_is_named(tmp_path, monkeypatch, cache):
    classes(tmp_path, "a", "b")
    monkeypatch.setenv("XDG_CACHE_HOME", cache)

    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.home", no_home)
    refused(tmp_path, "no home folder.*--cache_dir")
    load(tmp_path, cache_dir=str(tmp_path / ".cache"))
    (tmp_path / "file").write_text("")
    with pytest.raises(
        errors.DataError, match="--cache_dir, cannot be written"
    ):
        load(tmp_path, cache_dir=str(tmp_path / "file"))
