"""Folders of images, one for each class."""

import numpy as np
from own_files import images, load, refused
from PIL import Image


def test_one_folder_per_class_in_train_and_test(tmp_path):
    for part, count in (("train", 3), ("test", 2)):
        images(tmp_path / part / "cat", count)
        images(tmp_path / part / "ant", count + 1, seed=1)
    loaded = load(tmp_path)
    assert loaded.name == "image_classes"
    assert loaded.classes == ("ant", "cat")
    assert loaded.train.inputs.shape == (7, 8, 8, 3)
    assert list(loaded.train.labels) == [0] * 4 + [1] * 3
    assert list(loaded.test.labels) == [0] * 3 + [1] * 2
    # The largest centred square of a wide image.
    images(tmp_path / "square" / "a", 1, size=(8, 12))
    with Image.open(tmp_path / "square" / "a" / "0.png") as image:
        middle = np.asarray(image)[:, 2:10]
    images(tmp_path / "square" / "b", 9, size=(8, 12), seed=2)
    square = load(tmp_path / "square")
    both = np.concatenate([square.train.inputs[:], square.test.inputs[:]])
    assert any(np.array_equal(middle, one) for one in both)


def test_a_tenth_is_the_test_split_of_class_folders_without_split(tmp_path):
    for i in range(2):
        images(tmp_path / f"class_{i}", 10, seed=i)
    loaded = load(tmp_path)
    assert (len(loaded.train), len(loaded.test)) == (18, 2)
    again = load(tmp_path)
    np.testing.assert_array_equal(loaded.test.inputs[:], again.test.inputs[:])
    mean = np.mean(loaded.train.inputs[:], axis=(0, 1, 2))
    np.testing.assert_allclose(loaded.stem["mean"], mean)


def test_there_may_be_more_than_256_classes(tmp_path):
    for i in range(257):
        images(tmp_path / "train" / f"{i:03}", 1, size=(2, 2), seed=i)
    images(tmp_path / "test" / "256", 1, size=(2, 2))
    loaded = load(tmp_path)
    assert list(loaded.test.labels) == [256]


def test_invalid_folders_of_images_are_refused(tmp_path):
    images(tmp_path / "one" / "train" / "only", 3)
    images(tmp_path / "one" / "test" / "only", 3)
    refused(tmp_path / "one", "at least two classes in .*Received: only")
    for name in ("a", "b"):
        images(tmp_path / "two" / "train" / name, 3)
    images(tmp_path / "two" / "test" / "c", 3)
    refused(tmp_path / "two", "Received: c in .* alone")
    for name in ("a", "b"):
        images(tmp_path / "broken" / name, 3)
    (tmp_path / "broken" / "b" / "3.png").write_bytes(b"not an image")
    refused(tmp_path / "broken", "1 of 7 images cannot be decoded")
    refused(tmp_path / "empty", "No folders of images", dataset="image_classes")
