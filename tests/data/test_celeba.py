"""CelebA from tiny files in the official layout, and its download."""

import io

import numpy as np
import pytest
import tensorflow_datasets as tfds
from attribute_files import FORTY, NAMES, edit, load, refusal, write_celeba
from PIL import Image

from lit_tf import errors
from lit_tf.data import image_pixels


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


def test_the_centred_square_of_celeba_has_178_pixels(tmp_path):
    write_celeba(tmp_path)
    image = np.zeros((300, 400, 3), np.uint8)
    image[61:239, 111:289] = 255
    for path in (tmp_path / "img_align_celeba").iterdir():
        Image.fromarray(image).save(path, quality=100)
    assert load(tmp_path, "celeba").train.inputs[0].min() > 250
    other = load(tmp_path, "celeba", crop_size=180).train.inputs[0]
    assert other.min() < 250


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
    monkeypatch.setattr(image_pixels, "read", None)
    again = load(tmp_path / "data", "celeba", download=True)
    assert again.fingerprint == downloaded.fingerprint


def test_a_failed_download_gives_one_line(tmp_path, monkeypatch):
    def fail(self, _):
        raise OSError("a wrong checksum:\n* Expected: 1\n* Got: 2")

    monkeypatch.setattr(tfds.download.DownloadManager, "download", fail)
    line = refusal(tmp_path, "celeba", download=True)
    assert "could not download celeb_a" in line and "checksum" in line
