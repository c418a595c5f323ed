"""Decoding of images: crop, modes, broken files, stored results."""

import os
import time

import numpy as np
import pytest
from attribute_files import check_values, edit, load, pixels, refusal, write
from PIL import Image

from lit_tf.data import decoded, image_pixels


def test_another_choice_of_attributes_does_not_decode_images_again(
    tmp_path, monkeypatch
):
    write(tmp_path)
    load(tmp_path)
    monkeypatch.setattr(image_pixels, "read", None)
    check_values(load(tmp_path, attributes=("Young",)), columns=(4,))


def test_a_centred_square_is_cropped_and_resized(tmp_path):
    write(tmp_path)
    shade = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    for i in range(20):
        Image.fromarray(shade).save(tmp_path / "images" / f"{i}.png")
    for crop, box in (
        (0, (5, 0, 25, 20)),
        (12, (9, 4, 21, 16)),
        (25, (5, 0, 25, 20)),
    ):
        square = Image.fromarray(shade).crop(box)
        expected = np.asarray(square.resize((8, 8), Image.Resampling.BILINEAR))
        actual = load(tmp_path, crop_size=crop).train.inputs[0]
        np.testing.assert_array_equal(actual, expected)


def test_images_of_any_mode_become_rgb(tmp_path):
    write(tmp_path)
    grey = np.full((9, 9), 77, np.uint8)
    colour = Image.fromarray(np.full((9, 9, 3), [200, 100, 50], np.uint8))
    kinds = {
        "grey.png": (Image.fromarray(grey), (77, 77, 77)),
        "without_suffix": (Image.fromarray(grey), (77, 77, 77)),
        "deep.png": (
            Image.fromarray((grey + np.uint16(56)) << 8),
            (133, 133, 133),
        ),
        "palette.gif": (colour.quantize(4), (200, 100, 50)),
        "cmyk.jpg": (colour.convert("CMYK"), (200, 100, 50)),
        "alpha.png": (colour.convert("RGBA"), (200, 100, 50)),
        "plain.ppm": (colour, (200, 100, 50)),
        "deep.pgm": (
            Image.fromarray((grey + np.uint16(20)) << 8),
            (97, 97, 97),
        ),
        "deep.tif": (
            Image.fromarray((grey.astype(np.int32) + 80) << 8),
            (157, 157, 157),
        ),
        "small.tif": (Image.fromarray(grey.astype(np.int32)), (77, 77, 77)),
        "unit.tif": (
            Image.fromarray(np.full((9, 9), 0.25, np.float32)),
            (63, 63, 63),
        ),
        "bits.png": (Image.new("1", (9, 9), 1), (255, 255, 255)),
        "pale.png": (Image.new("LA", (9, 9), (99, 50)), (99, 99, 99)),
        "clear.gif": (colour.convert("RGBA").quantize(4), (200, 100, 50)),
    }
    rows = []
    for name, (image, _) in kinds.items():
        kind = None if "." in name else "PNG"
        image.save(tmp_path / "images" / name, kind)
        rows += [f"{name}," + ",".join("000000")]
    with (tmp_path / "attributes.csv").open("a") as file:
        file.write("\n".join(rows))
    loaded = load(tmp_path)
    images = np.concatenate([loaded.train.inputs[:], loaded.test.inputs[:]])
    for name, (_, colour) in kinds.items():
        difference = np.abs(images[:, 4, 4].astype(int) - colour).max(axis=1)
        assert difference.min() <= 3, name


def test_an_image_is_rotated_as_its_exif_orientation_says(tmp_path):
    write(tmp_path)
    upright = np.zeros((8, 8, 3), np.uint8)
    upright[:4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # To be rotated by 90° clockwise.
    for i in range(20):
        rotated = Image.fromarray(np.rot90(upright))
        rotated.save(tmp_path / "images" / f"{i}.png", exif=exif)
    np.testing.assert_array_equal(load(tmp_path).train.inputs[0], upright)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-30])


def test_one_broken_image_in_a_hundred_is_skipped_and_noted(tmp_path):
    write(tmp_path, count=100)
    truncate(tmp_path / "images/3.png")
    for _ in range(2):
        loaded = load(tmp_path)
        check_values(loaded)
        assert len(loaded.train) + len(loaded.test) == 99
        assert "broken and skipped: 1: 3.png (" in loaded.note


def test_more_broken_images_are_refused_and_nothing_is_stored(
    tmp_path, encoded_folder
):
    write(tmp_path, count=100)
    for i in (3, 7):
        truncate(tmp_path / f"images/{i}.png")
    line = refusal(tmp_path)
    assert "2 of 100 images cannot be decoded, more than 1%" in line
    assert "The first: 3.png (" in line
    assert not list(encoded_folder.glob("*/pixels.bin"))


def test_a_line_announces_that_images_are_decoded_once(
    tmp_path, encoded_folder, capsys
):
    write(tmp_path)
    load(tmp_path)
    assert capsys.readouterr().out == (
        f"decoding 20 images once, to {encoded_folder}/ …\n"
    )
    load(tmp_path)
    assert capsys.readouterr().out == ""


def test_images_are_decoded_in_blocks(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.setattr(decoded, "_BLOCK", 3)
    check_values(load(tmp_path))


@pytest.mark.parametrize("change", ["image", "list", "size", "crop"])
def test_a_change_of_images_list_or_size_decodes_again(
    tmp_path, encoded_folder, change
):
    source = write(tmp_path)
    load(tmp_path)
    settings = {}
    if change == "image":
        Image.fromarray(pixels(200)).save(tmp_path / "images/19.png")
    elif change == "list":
        edit(source, "0.png,0", "0.png,1")
    else:
        settings = {"size": {"image_size": 4}, "crop": {"crop_size": 4}}[change]
    load(tmp_path, **settings)
    assert len(list(encoded_folder.glob("*/pixels.bin"))) == 2


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("pixels.bin", lambda content: content[:-3]),
        ("pixels.bin", lambda content: bytes(192) + content),
        ("labels.npy", lambda content: content[:-3]),
        ("places.npy", lambda content: content[:-3]),
        ("facts.json", lambda content: content[:-3]),
    ],
)
def test_damaged_decoded_files_are_decoded_again(
    tmp_path, encoded_folder, file, damage
):
    write(tmp_path)
    load(tmp_path)
    for path in encoded_folder.glob(f"*/{file}"):
        path.write_bytes(damage(path.read_bytes()))
    check_values(load(tmp_path))


def test_a_full_disk_is_reported_before_anything_is_decoded(
    tmp_path, monkeypatch
):
    write(tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr(image_pixels, "read", None)
    line = refusal(tmp_path)
    assert "encoded/ has no room for 3.8 kB (No space" in line


def test_an_interruption_does_not_wait_for_the_other_images(
    tmp_path, monkeypatch
):
    write(tmp_path)
    begun = []

    def broken(*_):
        begun.append(0)
        time.sleep(0.2)
        raise ValueError

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(image_pixels, "read", broken)
    monkeypatch.setattr(decoded.errors, "line", interrupted)
    monkeypatch.setattr(decoded.os, "cpu_count", lambda: 1)
    with pytest.raises(KeyboardInterrupt):
        load(tmp_path)
    assert len(begun) < 5
