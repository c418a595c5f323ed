"""Images with attributes: lists, choices, splits, errors."""

import os
import random

import numpy as np
import pytest
from attribute_files import (
    HEADER,
    NAMES,
    check_values,
    edit,
    load,
    numbers,
    pixels,
    refusal,
    write,
)
from PIL import Image

from lit_tf import errors
from lit_tf.data import held_out


@pytest.mark.parametrize("place", ["images", "", "images/a/b"])
def test_images_may_be_in_their_folder_or_next_to_their_list(tmp_path, place):
    source = write(tmp_path, place=place)
    if place == "images/a/b":
        lines = source.read_text().splitlines()
        rows = [HEADER, *(f"a/b/{line}" for line in lines[1:])]
        source.write_text("\n".join(rows))
    for _ in range(2):  # The second time from the cache.
        loaded = load(tmp_path)
        check_values(loaded)
        assert sorted(numbers(loaded.train) + numbers(loaded.test)) == [
            *range(20)
        ]
        assert loaded.classes == loaded.stem["attributes"] == NAMES
        assert (loaded.task, loaded.exclusive) == ("images", ())
        assert "skipped" not in loaded.note


def test_the_chosen_attributes_are_the_columns_in_the_chosen_order(
    tmp_path,
):
    write(tmp_path)
    loaded = load(
        tmp_path, attributes=("Young", "Male"), exclusive=("Male+Young",)
    )
    check_values(loaded, columns=(4, 3))
    assert loaded.form["attributes"] == ("Young", "Male")
    assert loaded.form["classes"] == 2
    assert loaded.exclusive == (("Male", "Young"),)


@pytest.mark.parametrize("value", ["0", "-1"])
def test_an_absent_attribute_may_be_zero_or_minus_one(tmp_path, value):
    source = write(tmp_path)
    lines = source.read_text().splitlines()
    rows = [HEADER, *(line.replace(",0", f", {value}") for line in lines[1:])]
    source.write_text("\ufeff" + "\r\n".join(rows))
    check_values(load(tmp_path))


def test_the_test_split_is_a_tenth_and_always_the_same(tmp_path):
    write(tmp_path)
    first, again = load(tmp_path), load(tmp_path, image_size=12)
    assert (len(first.train), len(first.test)) == (18, 2)
    assert numbers(first.test) == numbers(again.test)


def test_the_test_split_of_a_long_list_is_that_of_the_published_code():
    # As the published StarGAN code does with its list of lines.
    lines = list(range(25_000))
    random.seed(1234)
    random.shuffle(lines)
    published = lines[:1999]
    assert np.flatnonzero(held_out.draw(25_000)).tolist() == sorted(published)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attributes": ("Mael",)}, "Unknown attribute 'Mael'. Known: "),
        (
            {"attributes": ("Male",), "exclusive": ("Male+Yuong",)},
            "Unknown attribute 'Yuong'. Known: Male. The nearest is Male.",
        ),
    ],
)
def test_the_message_for_an_unknown_attribute_names_the_nearest(
    tmp_path, encoded_folder, settings, message
):
    write(tmp_path)
    line = refusal(tmp_path, error=errors.SettingsError, **settings)
    assert line.startswith(message) and "The nearest is Male." in line
    assert not encoded_folder.exists()


def test_missing_images_are_counted_and_the_first_is_named(
    tmp_path,
):
    write(tmp_path)
    for i in (3, 7):
        (tmp_path / f"images/{i}.png").unlink()
    assert refusal(tmp_path) == (
        f"Every image of attributes.csv must be in {tmp_path}/images/. "
        "Received: 2 missing, the first 3.png."
    )


def test_images_that_are_not_listed_are_noted(tmp_path):
    write(tmp_path)
    (tmp_path / "images/notes.txt").write_text("not an image")
    for name in ("b.JPG", "a.png"):
        Image.fromarray(pixels(1)).save(tmp_path / "images" / name)
    note = "not in attributes.csv and skipped: 2, the first a.png"
    assert note in load(tmp_path).note


def test_names_of_images_need_not_be_utf8(tmp_path):
    source = write(tmp_path)
    latin = os.fsdecode(b"caf\xe9.png")
    os.rename(tmp_path / "images/3.png", tmp_path / "images" / latin)
    rows = source.read_bytes()
    source.write_bytes(rows.replace(b"\n3.png", b"\ncaf\xe9.png"))
    check_values(load(tmp_path))
    os.remove(tmp_path / "images" / latin)
    assert refusal(tmp_path).endswith(r"1 missing, the first caf\xe9.png.")
    os.rename(tmp_path / "images/4.png", tmp_path / "images" / latin)
    source.write_bytes(rows)
    assert "missing, the first 3.png" in refusal(tmp_path)


def test_hidden_images_are_not_said_to_be_unlisted(tmp_path):
    write(tmp_path)
    for name in (".ipynb_checkpoints/1.png", "__MACOSX/._1.png", "._2.png"):
        path = tmp_path / "images" / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels(1)).save(path)
    assert "skipped" not in load(tmp_path).note


def test_a_folder_without_images_is_named(tmp_path):
    write(tmp_path)
    for path in (tmp_path / "images").iterdir():
        path.unlink()
    assert refusal(tmp_path) == f"{tmp_path}/images/ holds no images."


def test_a_single_image_cannot_be_split(tmp_path):
    write(tmp_path, count=1)
    assert "one test image. Received: 0 and 1" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",Smiling", "", "line 2: a row must have a name and 5 values"),
        ("\n2.png,0,", "\n2.png,", "line 4: .* 6 values.* Received: 5 values"),
        (
            "\n1.png,1",
            "\n1.png,2",
            "line 3: Black_Hair must be 0, 1 or -1.*'2'",
        ),
        ("\n1.png,1,0", "\n1.png,1,", "line 3: Blond_Hair must be .*: ''"),
        ("Smiling", "Male", "header must name each attribute once.*Male again"),
        ("Smiling", "", "header must name at least one attribute"),
        ("\n1.png", "\n0.png", "line 3: .* one row. .*0.png, of line 2, again"),
        (HEADER, "", "header must name at least one attribute. Received: ''"),
    ],
)
def test_the_message_for_an_invalid_list_names_the_line(
    tmp_path, old, new, message
):
    edit(write(tmp_path), old, new)
    with pytest.raises(errors.DataError, match=f"^attributes.csv.*{message}"):
        load(tmp_path)


def test_a_list_without_images_is_refused(tmp_path):
    write(tmp_path).write_text(HEADER)
    assert refusal(tmp_path).endswith("attributes.csv lists no images.")


def test_without_files_the_expected_ones_are_named(tmp_path):
    line = refusal(tmp_path, "celeba")
    for word in ("img_align_celeba/", "list_attr_celeba.txt", "--download"):
        assert word in line
    assert refusal("", "celeba").startswith("No img_align_celeba/")
    line = refusal(tmp_path)
    for word in ("attributes.csv", "images/", "cannot fetch"):
        assert word in line
    for name in ("celeba", "image_folder"):
        line = refusal(tmp_path / "missing", name)
        assert line == f"--data_dir='{tmp_path}/missing' is not a folder."


def test_a_size_that_is_not_a_multiple_of_4_is_refused(tmp_path):
    write(tmp_path)
    assert "must be a multiple of 4. Received: image_size=30" in refusal(
        tmp_path, error=errors.SettingsError, image_size=30
    )
