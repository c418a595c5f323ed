"""Images that stay in their files: the pixels are those that are stored."""

import numpy as np
import pytest
from own_files import classes, images, load

from lit_tf import data, errors
from lit_tf.data import batches, decoded, graph_errors, image_pixels


def read(split, **how):
    how = {"batch_size": 8, "epochs": 2, "seed": 1} | how
    crop = data.crops.Crop(flip=True)
    return list(batches.training(split, crop=crop, **how).as_numpy_iterator())


def test_the_pixels_and_their_order_are_those_of_stored_images(
    tmp_path, encoded_folder
):
    classes(tmp_path, "a", "b", count=10)
    always = load(tmp_path, decoding="always")
    assert not encoded_folder.exists()
    assert always.note.endswith("decoded at every read")
    once = load(tmp_path, decoding="once")
    assert always.stem == once.stem
    for one, other in zip(read(always.train), read(once.train), strict=True):
        for x, y in zip(one, other, strict=True):
            np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(always.test.inputs[0], once.test.inputs[0])


def test_many_pixels_are_not_stored_unless_they_are_there(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(decoded, "_STORED", 8 * 8 * 8 * 3)
    classes(tmp_path, "a", "b")
    assert "decoded in" in load(tmp_path).note  # Eight images.
    images(tmp_path / "a", 5)
    assert "decoded at every read" in load(tmp_path).note
    load(tmp_path, decoding="once")
    assert "decoded in" in load(tmp_path).note


def test_the_fingerprint_is_that_of_the_files(tmp_path, monkeypatch):
    classes(tmp_path, "a", "b")
    loaded, again = (load(tmp_path, decoding="always") for _ in range(2))
    with monkeypatch.context() as patch:
        patch.setattr(image_pixels, "read", None)  # Nothing is decoded.
        first = loaded.fingerprint
        assert first == again.fingerprint
    images(tmp_path / "a", 4, seed=9)
    assert load(tmp_path, decoding="always").fingerprint != first
    larger = load(tmp_path, decoding="always", image_size=12).fingerprint
    assert larger != load(tmp_path, decoding="always").fingerprint


def test_an_image_that_vanishes_is_replaced_by_one_of_its_class(
    tmp_path, capsys
):
    classes(tmp_path, "a", "b", count=10)
    loaded = load(tmp_path, decoding="always")
    everything = loaded.train.inputs.take(np.arange(len(loaded.train)))
    before, labels = everything[:], loaded.train.labels
    (tmp_path / "b" / "7.png").unlink()
    changed = np.flatnonzero((everything[:] != before).any(axis=(1, 2, 3)))
    assert len(changed) == 1
    others = before[labels == labels[changed[0]]]
    assert any((x == everything[:][changed[0]]).all() for x in others)
    out = capsys.readouterr().out
    assert out.count("skipped") == 1
    assert "b/7.png (No such file or directory): another image of its" in out


def test_too_many_vanished_images_are_an_error_of_the_pipeline(tmp_path):
    classes(tmp_path, "a", "b", count=10)
    loaded = load(tmp_path, decoding="always")
    for i in range(3):
        (tmp_path / "b" / f"{i}.png").unlink()
    with (
        pytest.raises(errors.DataError) as error,
        graph_errors.translated(),
    ):
        read(loaded.train)
    message = str(error.value)
    assert " of 20 images cannot be read, more than 1%. The first: " in message
    assert message.endswith("(No such file or directory).")


def test_a_class_whose_images_are_all_broken_is_an_error(tmp_path):
    classes(tmp_path, "a", "b", count=1)
    images(tmp_path / "a", 150)
    loaded = load(tmp_path, decoding="always")
    (tmp_path / "b" / "0.png").write_bytes(b"no image")
    splits = (loaded.train, loaded.test)
    with pytest.raises(errors.DataError, match="broken, as .*b/0.png"):
        for split in splits:
            split.inputs[:]


def test_images_without_files_of_their_own_are_decoded_once(tmp_path):
    with pytest.raises(errors.SettingsError, match="files of their own"):
        decoded.decode(
            [],
            count=0,
            key={},
            folder=tmp_path,
            cache_dir="",
            shape=(8, 8, 3),
            crop=0,
            decoding="always",
        )


def test_no_image_of_another_split_takes_the_place_of_a_broken_one(tmp_path):
    for part in ("train", "test"):
        for i, name in enumerate("ab"):
            seed = 2 * i + (part == "test")
            images(tmp_path / part / name, 60, seed=seed)
    loaded = load(tmp_path, decoding="always")
    train, test = loaded.train.inputs[:], loaded.test.inputs[:]
    (tmp_path / "train" / "a" / "59.png").unlink()
    (tmp_path / "test" / "a" / "0.png").unlink()
    for split, before in ((loaded.train, train), (loaded.test, test)):
        own = {image.tobytes() for image in before}
        assert all(image.tobytes() in own for image in split.inputs[:])
