"""Images with attributes: lists, checks, decoding, download."""

import io
import os
import random

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from lit_tf import config, data, errors
from lit_tf.data import decoded, held_out

NAMES = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young", "Smiling")
ALL_COLUMNS = range(len(NAMES))
HEADER = f"file,{','.join(NAMES)}"
FORTY = (*NAMES, *(f"Attribute_{i}" for i in range(34)))


def load(folder, name="image_folder", download=False, **settings):
    chosen = {"dataset": name, "validation_fraction": 0, "image_size": 8}
    return data.load(
        config.Data(**chosen | settings),
        data_dir=str(folder),
        download=download,
    )


def refusal(folder, name="image_folder", error=errors.DataError, **settings):
    """Returns the error message, which must be one line."""
    with pytest.raises(error) as caught:
        load(folder, name, **settings)
    (line,) = str(caught.value).splitlines()
    return line


def pixels(i, shape=(9, 8)):
    """Returns image i, of one colour that identifies it."""
    return np.full((*shape, 3), [i, 255 - i, i % 7], np.uint8)


def write(folder, count=20, place="images"):
    """Writes images and their list; returns the list's path."""
    rows = [HEADER]
    for i in range(count):
        path = folder / place / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(i)).save(path)
        rows.append(f"{i}.png," + ",".join(str(i >> b & 1) for b in range(6)))
    (folder / "attributes.csv").write_text("\n".join(rows) + "\n")
    return folder / "attributes.csv"


def write_celeba(folder, count=20, partition=None):
    """Writes CelebA's layout; returns the path of its list."""
    (folder / "img_align_celeba").mkdir(parents=True)
    rows = [f"{count}", " ".join(FORTY)]
    for i in range(count):
        name = f"{i + 1:06}.jpg"
        path = folder / "img_align_celeba" / name
        Image.fromarray(pixels(i, (218, 178))).save(path)
        values = (2 * (i >> b & 1) - 1 for b in range(40))
        rows.append(f"{name} " + " ".join(f"{v:2}" for v in values))
    if partition:
        (folder / "list_eval_partition.txt").write_text(
            "".join(f"{i + 1:06}.jpg {p}\n" for i, p in enumerate(partition))
        )
    (folder / "list_attr_celeba.txt").write_text(" \n".join(rows) + " \n")
    return folder / "list_attr_celeba.txt"


def numbers(split):
    """Returns the numbers of a split's images, read from their colour."""
    return split.inputs[:][:, 4, 4, 0].tolist()


def check_values(loaded, columns=ALL_COLUMNS):
    """Checks that each image has its own attributes."""
    for split in (loaded.train, loaded.test):
        expected = [[i >> b & 1 for b in columns] for i in numbers(split)]
        np.testing.assert_array_equal(split.labels, expected)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("place", ["images", "", "images/a/b"])
def test_images_may_be_in_their_folder_or_next_to_their_list(tmp_path, place):
    source = write(tmp_path, place=place)
    if place == "images/a/b":
        lines = source.read_text().splitlines()
        rows = [HEADER, *(f"a/b/{line}" for line in lines[1:])]
        source.write_text("\n".join(rows))
    for _ in range(2):  # The second time there is a folder `encoded`.
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


def test_another_choice_of_attributes_does_not_decode_images_again(
    tmp_path, monkeypatch
):
    write(tmp_path)
    load(tmp_path)
    monkeypatch.setattr(decoded, "_pixels", None)
    check_values(load(tmp_path, attributes=("Young",)), columns=(4,))


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


def test_celeba_is_read_as_published(tmp_path):
    write_celeba(tmp_path, partition="0" * 10 + "1" * 4 + "2" * 6)
    loaded = load(tmp_path, "celeba")
    assert loaded.classes == NAMES[:5]
    assert loaded.exclusive == (NAMES[:3],)
    assert loaded.crop.flip
    assert len(loaded.train) == 14
    # JPEG is not exact; the labels identify the images.
    expected = [[i >> b & 1 for b in range(5)] for i in range(14, 20)]
    np.testing.assert_array_equal(loaded.test.labels, expected)
    assert "not the official 202,599" in loaded.note
    assert "split by list_eval_partition.txt" in loaded.note


def test_without_a_partition_the_test_images_of_celeba_are_drawn(tmp_path):
    write_celeba(tmp_path)
    loaded = load(tmp_path, "celeba")
    assert (len(loaded.train), len(loaded.test)) == (18, 2)
    assert "test images were drawn, as there is no list_eval" in loaded.note


def test_hair_colours_that_are_not_chosen_form_no_group(tmp_path):
    write_celeba(tmp_path)
    two = load(tmp_path, "celeba", attributes=("Male", *NAMES[1:3]))
    assert two.exclusive == (NAMES[1:3],)
    one = load(tmp_path, "celeba", attributes=("Male", NAMES[1]))
    assert one.exclusive == ()


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


def test_the_centred_square_of_celeba_has_178_pixels(tmp_path):
    write_celeba(tmp_path)
    image = np.zeros((300, 400, 3), np.uint8)
    image[61:239, 111:289] = 255
    for path in (tmp_path / "img_align_celeba").iterdir():
        Image.fromarray(image).save(path, quality=100)
    assert load(tmp_path, "celeba").train.inputs[0].min() > 250
    other = load(tmp_path, "celeba", crop_size=180).train.inputs[0]
    assert other.min() < 250


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
        assert "broken and skipped: 1" in loaded.note


def test_more_broken_images_are_refused_and_nothing_is_stored(tmp_path):
    write(tmp_path, count=100)
    for i in (3, 7):
        truncate(tmp_path / f"images/{i}.png")
    line = refusal(tmp_path)
    assert "2 of 100 images cannot be decoded, more than 1%" in line
    assert "The first: 3.png (" in line
    assert not list((tmp_path / "encoded").glob("*/pixels.bin"))


def test_a_line_announces_that_images_are_decoded_once(tmp_path, capsys):
    write(tmp_path)
    load(tmp_path)
    assert capsys.readouterr().out == (
        f"decoding 20 images once, to {tmp_path}/encoded/ …\n"
    )
    load(tmp_path)
    assert capsys.readouterr().out == ""


def test_images_are_decoded_in_blocks(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.setattr(decoded, "_BLOCK", 3)
    check_values(load(tmp_path))


@pytest.mark.parametrize("change", ["image", "list", "size", "crop"])
def test_a_change_of_images_list_or_size_decodes_again(tmp_path, change):
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
    assert len(list((tmp_path / "encoded").glob("*/pixels.bin"))) == 2


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
def test_damaged_decoded_files_are_decoded_again(tmp_path, file, damage):
    write(tmp_path)
    load(tmp_path)
    for path in (tmp_path / "encoded").glob(f"*/{file}"):
        path.write_bytes(damage(path.read_bytes()))
    check_values(load(tmp_path))


def test_a_full_disk_is_reported_before_anything_is_decoded(
    tmp_path, monkeypatch
):
    write(tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr(decoded, "_pixels", None)
    line = refusal(tmp_path)
    assert "encoded/ has no room for 3.8 kB (No space" in line


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
    tmp_path, settings, message
):
    write(tmp_path)
    line = refusal(tmp_path, error=errors.SettingsError, **settings)
    assert line.startswith(message) and "The nearest is Male." in line
    assert not (tmp_path / "encoded").exists()


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


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("20 \n", "21 \n", "line 1: must be the number of rows, 20.*'21'"),
        ("20 \n", "x \n", "line 1: must be the number of rows, 20.*'x'"),
        ("Attribute_33", "", "line 3: .* and 39 values.* Received: 40 values"),
        ("000002.jpg  1", "000002.jpg  3", "line 4: Black_Hair must be 0, 1"),
    ],
)
def test_the_message_for_an_invalid_list_of_celeba_names_the_line(
    tmp_path, old, new, message
):
    edit(write_celeba(tmp_path), old, new)
    with pytest.raises(errors.DataError, match=f"^list_attr_celeba.*{message}"):
        load(tmp_path, "celeba")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("jpg 2", "jpg 3", "line 20: .* 0, 1 or 2. Received: '000020.jpg 3'"),
        ("000020.jpg 2", "", "for every image. .*no row for 1 .*first 000020"),
    ],
)
def test_an_invalid_partition_is_refused(tmp_path, old, new, message):
    write_celeba(tmp_path, partition="0" * 19 + "2")
    edit(tmp_path / "list_eval_partition.txt", old, new)
    with pytest.raises(errors.DataError, match=f"^list_eval.*{message}"):
        load(tmp_path, "celeba")


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


@pytest.mark.parametrize("missing", ["img_align_celeba", "list_attr_celeba"])
def test_celeba_needs_both_images_and_list(tmp_path, missing):
    write_celeba(tmp_path)
    for path in tmp_path.glob(f"{missing}*"):
        path.rename(tmp_path / "elsewhere")
    assert f"holds no {missing}" in refusal(tmp_path, "celeba", download=True)


def download_from(folder, monkeypatch):
    # Replaces nothing in TensorFlow Datasets except the network access.
    names = [f"{i + 1:06}.jpg" for i in range(20)]
    landmarks = folder / "landmarks.txt"
    landmarks.write_text(
        "20\nlefteye_x lefteye_y righteye_x righteye_y nose_x nose_y "
        "leftmouth_x leftmouth_y rightmouth_x rightmouth_y\n"
        + "".join(f"{name} {'1 ' * 10}\n" for name in names)
    )
    identity = folder / "identity.txt"
    identity.write_text("".join(f"{name} 1\n" for name in names))
    places = {
        "img_align_celeba": folder / "img_align_celeba",
        "list_eval_partition": folder / "list_eval_partition.txt",
        "list_attr_celeba": folder / "list_attr_celeba.txt",
        "landmarks_celeba": landmarks,
        "identity_celeba": identity,
    }
    manager = tfds.download.DownloadManager
    monkeypatch.setattr(manager, "download", lambda self, _: places)
    monkeypatch.setattr(
        manager,
        "iter_archive",
        lambda self, place: (
            (f"img_align_celeba/{path.name}", io.BytesIO(path.read_bytes()))
            for path in sorted(place.iterdir())
        ),
    )


def test_downloaded_and_official_files_give_the_same_examples(
    tmp_path, monkeypatch
):
    official = tmp_path / "official"
    source = write_celeba(official, partition="0" * 10 + "1" * 4 + "2" * 6)
    # TensorFlow Datasets accepts the official attributes alone.
    known = tfds.builder("celeb_a", data_dir=tmp_path / "x").info.features
    columns = (*NAMES, *(n for n in known["attributes"] if n not in NAMES))
    edit(source, " ".join(FORTY), " ".join(columns))
    (tmp_path / "data").mkdir()
    download_from(official, monkeypatch)
    downloaded = load(tmp_path / "data", "celeba", download=True)
    read = load(official, "celeba")
    for splits in (
        (read.train, downloaded.train),
        (read.test, downloaded.test),
    ):
        # TensorFlow Datasets shuffles when it writes.
        one, other = (
            sorted(
                (i.tobytes(), v.tobytes())
                for i, v in zip(s.inputs, s.labels, strict=True)
            )
            for s in splits
        )
        assert one == other
    for name in ("name", "classes", "form", "crop", "task", "exclusive"):
        assert getattr(read, name) == getattr(downloaded, name)
    monkeypatch.setattr(decoded, "_pixels", None)
    again = load(tmp_path / "data", "celeba", download=True)
    assert again.fingerprint == downloaded.fingerprint


def test_a_failed_download_gives_one_line(tmp_path, monkeypatch):
    def fail(self, _):
        raise OSError("a wrong checksum:\n* Expected: 1\n* Got: 2")

    monkeypatch.setattr(tfds.download.DownloadManager, "download", fail)
    line = refusal(tmp_path, "celeba", download=True)
    assert "could not download celeb_a" in line and "checksum" in line


def test_a_size_that_is_not_a_multiple_of_4_is_refused(tmp_path):
    write(tmp_path)
    assert "must be a multiple of 4. Received: image_size=30" in refusal(
        tmp_path, error=errors.SettingsError, image_size=30
    )
