"""Folders of images: classes, splits, hidden files."""

import os
import re

import numpy as np
import pytest
from own_files import classes, images, load, refused
from PIL import Image

from lit_tf import config, data, errors
from lit_tf.data import split_names

NAMES = {
    "train": ("train", "Train", "TRAINING", "train_set", "trainset"),
    "validation": ("val", "valid", "Validation", "VALID", "dev", "val-images"),
    "test": ("test", "Test", "testing", "test_data"),
}


@pytest.mark.parametrize("part", NAMES)
def test_the_usual_names_in_any_case_are_splits(part):
    for name in NAMES[part]:
        assert split_names.part_of(name) == part, name
    for name in ("trained", "value", "cat", "tests_of_cars", "train1", "best"):
        assert split_names.part_of(name) is None, name


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", None),
        ("Training", "Validation", "Testing"),
        ("TRAIN", None, "Test"),
        ("train", None, None),
    ],
)
def test_folders_with_the_names_of_splits_are_splits(
    tmp_path, train, validation, test
):
    classes(tmp_path / train, "a", "b", count=10)
    if validation:
        classes(tmp_path / validation, "a", "b", count=3)
    if test:
        classes(tmp_path / test, "a", "b", count=2)
    loaded = load(tmp_path, validation_fraction=0.1)
    assert loaded.classes == ("a", "b")
    tested = 4 if test else 2  # Without a folder, a tenth of the training ones.
    held = 6 if validation else (2 if test else 2)
    assert len(loaded.test) == tested
    assert len(loaded.validation) == held
    assert ("a tenth of the training" in loaded.note) == (not test)
    if validation:
        with Image.open(tmp_path / validation / "b" / "0.png") as image:
            middle = np.asarray(image.crop((1, 0, 7, 6)).resize((8, 8), 2))
        assert any(np.array_equal(middle, x) for x in loaded.validation.inputs)
        assert list(loaded.validation.labels) == [0] * 3 + [1] * 3
        assert load(tmp_path, validation_fraction=0).validation is None


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (("train/a", "train/b", "cat", "dog"), "train/.* beside cat/, dog/"),
        (("bus", "car", "train"), "train/, which name splits, beside bus/"),
        (("train/a", "train/b", "test"), "test/.* in no class folder.*0.png"),
        (("train", "val"), "train/.* in no class folder"),
        (("train/a", "Training/a"), "Training/, train/, which all name train"),
        (("val/a", "valid/b", "train/a"), "which all name validation"),
        (("val/a", "test/a"), "holds test/, val/ without train/"),
        (("cat/train", "cat/test", "dog/train"), "cat/, which holds test/"),
        (("train/train/a", "train/val/a"), "names a split, in train/"),
        (("train/a/train", "train/b"), "a/, which holds train/"),
        (("archive/train/a", "archive/test/a"), "name it with --data_dir"),
    ],
)
def test_folders_that_can_be_read_in_two_ways_are_refused(
    tmp_path, folders, message
):
    for folder in folders:
        images(tmp_path / folder, 2)
    refused(tmp_path, message)


HIDDEN = (".ipynb_checkpoints", "__MACOSX", ".git", "@eaDir", "a/.hidden")


def test_hidden_files_and_folders_are_skipped_and_said(tmp_path):
    classes(tmp_path, "a", "b", count=10)
    before = load(tmp_path)
    for folder in HIDDEN:
        images(tmp_path / folder, 2)
    for file in (".DS_Store", "a/.DS_Store", "b/Thumbs.db", "b/._0.png"):
        (tmp_path / file).write_bytes(b"x")
    loaded = load(tmp_path)
    assert loaded.classes == ("a", "b")
    assert loaded.fingerprint == before.fingerprint
    assert "hidden" not in before.note
    assert loaded.note.count("hidden and skipped: 9, the first ") == 1


def test_other_files_are_skipped_and_said(tmp_path):
    classes(tmp_path, "a", "b", count=10)
    (tmp_path / "README.md").write_text("about the data")
    (tmp_path / "a" / "cat.heic").write_bytes(b"x")
    images(tmp_path, 3)
    note = load(tmp_path).note
    assert "no images and skipped: 1, the first a/cat.heic" in note
    assert "in no class folder and skipped: 3, the first 0.png" in note


@pytest.mark.parametrize(
    "suffix", [".jfif", ".WEBP", ".jpe", ".tif", ".bmp", ".ppm", ".jp2", ".tga"]
)
def test_images_of_all_suffixes_that_pillow_reads_are_read(tmp_path, suffix):
    classes(tmp_path, "a", "b", count=2)
    path = tmp_path / "b" / f"more{suffix}"
    Image.new("RGB", (8, 8), (10, 200, 30)).save(path)
    loaded = load(tmp_path)
    both = np.concatenate([loaded.train.inputs[:], loaded.test.inputs[:]])
    assert len(both) == 5
    difference = np.abs(both.astype(int) - (10, 200, 30)).max(axis=(1, 2, 3))
    assert difference.min() <= 3


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["x.heic", "y.heic", "z"], "3 files .2 .heic, 1 without suffix.*JPEG"),
        ([], "no files"),
        ([".hidden.png"], "only hidden files"),
        (["sub/notes.txt"], "1 files .1 .txt"),
    ],
)
@pytest.mark.parametrize("place", ["", "train/"])
def test_a_class_without_an_image_is_refused(tmp_path, files, message, place):
    classes(tmp_path / place, "a", "b")
    empty = tmp_path / f"{place}c"
    empty.mkdir()
    for file in files:
        (empty / file).parent.mkdir(exist_ok=True)
        (empty / file).write_bytes(b"x")
    refused(tmp_path, f"The class folder {empty}/ must .*{message}")


def test_a_class_need_not_have_test_images(tmp_path):
    classes(tmp_path / "train", "a", "b")
    classes(tmp_path / "test", "a")
    (tmp_path / "test" / "b").mkdir()
    assert set(load(tmp_path).test.labels) == {0}


def test_an_empty_folder_of_a_split_is_refused(tmp_path):
    classes(tmp_path / "train", "a", "b")
    (tmp_path / "test" / "a").mkdir(parents=True)
    refused(tmp_path, f"{tmp_path}/test/ must hold a folder of images")


def test_a_class_may_have_the_name_of_a_split(tmp_path):
    classes(tmp_path / "train", "bus", "train")
    classes(tmp_path / "test", "bus", "train")
    assert load(tmp_path).classes == ("bus", "train")


def test_a_class_of_broken_images_alone_is_refused(tmp_path):
    classes(tmp_path, "a", "b", count=150)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "0.png").write_bytes(b"x")
    refused(tmp_path, "Every image of class c is broken.*c/0.png")


def test_a_class_may_be_named_encoded(tmp_path):
    classes(tmp_path, "b", "encoded")
    assert load(tmp_path).classes == ("b", "encoded")


def test_names_that_are_not_utf8_are_read(tmp_path):
    latin = os.fsdecode(b"caf\xe9")
    classes(tmp_path, latin, "b")
    os.rename(tmp_path / "b" / "0.png", tmp_path / "b" / f"{latin}.png")
    loaded = load(tmp_path)
    assert loaded.classes == ("b", r"caf\xe9")
    loaded.note.encode()  # It can be printed.


def test_a_link_to_a_folder_around_it_is_not_followed(tmp_path):
    classes(tmp_path, "a", "b")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    loaded = load(tmp_path)
    assert len(loaded.train) + len(loaded.test) == 8


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    classes(tmp_path, "a", "b")
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    refused(tmp_path, f"{re.escape(str(tmp_path))}/b cannot be read .Perm")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            ["train.csv", "test.csv", "a/0.png", "b/0.png"],
            "train.csv .csv. and",
        ),
        (["x.npz", "train/a/0.png"], "x.npz .npz. and folders of images"),
        (["train.tfrecord", "train.csv"], "--dataset=csv or --dataset=tfr"),
    ],
)
def test_a_folder_that_fits_two_datasets_is_refused(tmp_path, files, message):
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    with pytest.raises(errors.DataError, match=message):
        data.named(config.Data(), str(tmp_path))


def test_a_folder_of_figures_beside_arrays_is_no_dataset(tmp_path):
    (tmp_path / "mine.npz").touch()
    images(tmp_path / "plots", 1)
    assert data.named(config.Data(), str(tmp_path)).dataset == "npz"
