"""The user's own images, arrays and TFRecords."""

import gzip
import os
import re

import numpy as np
import pytest
import tensorflow as tf
from own_files import images, load, refused
from PIL import Image

from lit_tf import config, data, errors
from lit_tf.data import augment


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


def arrays(path, **changed):
    random = np.random.default_rng(0)
    contents = {
        "x_train": random.normal(size=(20, 5)),
        "y_train": np.arange(20) % 3,
        "x_test": random.normal(size=(6, 5)),
        "y_test": np.arange(6)[:, np.newaxis] % 3,
    }
    contents = {k: v for k, v in (contents | changed).items() if v is not None}
    np.savez(path, **contents)
    return contents


def test_arrays_are_read_unchanged(tmp_path):
    contents = arrays(tmp_path / "mine.npz")
    for place in (tmp_path, tmp_path / "mine.npz"):
        loaded = load(place)
        assert loaded.name == "npz" and loaded.form == {
            "input_shape": (5,),
            "classes": 3,
        }
        np.testing.assert_allclose(
            loaded.train.inputs, contents["x_train"], rtol=1e-6
        )
        assert loaded.train.inputs.dtype == np.float32
        assert list(loaded.test.labels) == [0, 1, 2, 0, 1, 2]


def test_settings_override_the_augmentation_of_the_dataset(tmp_path):
    pixels = np.zeros((20, 4, 4, 3), np.uint8)
    arrays(tmp_path / "mine.npz", x_train=pixels, x_test=pixels[:6])
    for i in range(2):
        images(tmp_path / "folders" / f"class_{i}", 10, seed=i)
    none, flip = augment.Crop(), augment.Crop(flip=True)
    for place, settings, expected in (
        ("mine.npz", {}, none),
        ("mine.npz", {"pad": 4, "flip": "on"}, augment.Crop(pad=4, flip=True)),
        ("folders", {}, flip),
        ("folders", {"pad": 2}, augment.Crop(pad=2, flip=True)),
        ("folders", {"pad": 0, "flip": "off"}, none),
    ):
        assert load(tmp_path / place, **settings).crop == expected
    arrays(tmp_path / "rows.npz")
    for settings in ({"pad": 1}, {"flip": "off"}):
        with pytest.raises(errors.SettingsError, match="npz has no images"):
            load(tmp_path / "rows.npz", **settings)
    with pytest.raises(errors.SettingsError, match="`pad` must be ≥ 0"):
        config.Data(pad=-2)


def test_a_tenth_is_the_test_split_of_arrays_without_split(tmp_path):
    arrays(tmp_path / "mine.npz", x_test=None, y_test=None)
    loaded = load(tmp_path)
    assert (len(loaded.train), len(loaded.test)) == (18, 2)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"y_train": None}, "must hold y_train"),
        ({"x_train": np.zeros((19, 5))}, "19 of x_train, 20 of y_train"),
        ({"y_train": np.zeros(20)}, "whole numbers from 0"),
        (
            {"y_train": np.arange(20) - 1},
            "negative label -1. Number the classes from 0, and leave out",
        ),
        ({"y_train": np.full(20, -100)}, "negative label -100"),
        ({"y_train": np.linspace(0, 1, 20)}, "such as 0. To .*outputs.Values"),
        ({"y_train": np.arange(20) * 9999}, "up to 189,981 of 26.*Values"),
        ({"y_train": np.full(20, 2**40)}, "label 1,099,511,627,776.*Values"),
        ({"y_train": np.eye(20)}, r"one-hot. Store .*y.argmax.axis=1."),
        ({"y_train": np.tri(20, dtype=int)}, "multi-hot.*outputs.Labels"),
        ({"y_train": np.tri(20) > 0}, "multi-hot.*outputs.Labels"),
        ({"y_train": np.full((20, 2), 0.3)}, "For other kinds of labels"),
        ({"y_train": np.array(["cat"] * 20)}, "<U3.*For other kinds"),
        ({"y_train": np.arange(20.0) % 3}, r"Store whole numbers: y.astype"),
        ({"y_train": np.full(20, np.nan)}, "nan or inf"),
        ({"x_train": np.full((20, 5), 1j)}, "must be real numbers"),
        ({"x_train": np.array(1.0)}, "one number of x_train"),
        ({"x_val": np.zeros((6, 5))}, "must hold y_val"),
        (
            {"x_val": np.zeros((6, 5)), "y_val": np.full(6, 0.5)},
            "y_val of .*0.5",
        ),
        ({"x_train": np.full((20, 5), np.nan)}, "must be finite"),
        ({"x_test": np.zeros((6, 4))}, "must have one shape"),
        (
            {"y_train": np.zeros(20, int), "y_test": np.zeros(6, int)},
            "two classes",
        ),
        ({"x_train": np.array([{}] * 20, object)}, "holds Python objects"),
    ],
)
def test_invalid_arrays_are_refused(tmp_path, changed, message):
    arrays(tmp_path / "mine.npz", **changed)
    refused(tmp_path, message)


def test_validation_arrays_are_the_validation_split(tmp_path):
    own = {"x_val": np.ones((6, 5)), "y_val": np.arange(6) % 3}
    arrays(tmp_path / "mine.npz", **own)
    loaded = load(tmp_path, validation_fraction=0.1)
    assert (len(loaded.train), len(loaded.validation)) == (20, 6)
    np.testing.assert_array_equal(loaded.validation.inputs, own["x_val"])
    assert "20 training, 6 validation and 6 test" in loaded.note
    assert load(tmp_path, validation_fraction=0).validation is None


def test_two_npz_files_in_a_folder_are_named(tmp_path):
    arrays(tmp_path / "a.npz")
    arrays(tmp_path / "b.npz")
    refused(tmp_path, "one .npz file. Received: 2, a.npz, b.npz.*/a.npz")
    assert load(tmp_path / "b.npz").name == "npz"


@pytest.mark.parametrize("name", sorted(data.DATASETS.keys() - {"digits"}))
def test_a_forgotten_data_dir_is_named(name):
    settings = config.Data(dataset=name)
    with pytest.raises(errors.DataError, match="^No .*: --data_dir was not gi"):
        data.load(settings)


def test_a_truncated_npz_file_is_refused(tmp_path):
    arrays(tmp_path / "mine.npz")
    whole = (tmp_path / "mine.npz").read_bytes()
    (tmp_path / "mine.npz").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path, "cannot be read as an .npz file")


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (["mine.npz"], "npz"),
        (["attributes.csv", "images/1.png"], "image_folder"),
        (["train.csv", "test.csv"], "csv"),
        (["train/a/1.png", "test/a/1.png"], "image_classes"),
        (["a/1.png", "b/2.jpg"], "image_classes"),
    ],
)
def test_the_files_of_a_folder_decide_the_dataset(tmp_path, files, name):
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert data.named(config.Data(), str(tmp_path)).dataset == name


def test_digits_is_the_default_and_a_given_name_is_kept(tmp_path):
    assert data.named(config.Data()).dataset == "digits"
    settings = config.Data(dataset="cifar10")
    assert data.named(settings, str(tmp_path)) is settings


def test_a_folder_of_unknown_files_is_refused(tmp_path):
    with pytest.raises(
        errors.DataError, match="Name the dataset with --dataset"
    ):
        data.named(config.Data(), str(tmp_path))
    missing = tmp_path / "missing"
    with pytest.raises(errors.DataError, match=re.escape(str(missing))):
        data.named(config.Data(), str(missing))


def records(path, images, labels):
    """Writes a TFRecord file of encoded images and their labels."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for image, label in zip(images, labels, strict=True):
            features = {
                "image": tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[image])
                ),
                "label": tf.train.Feature(
                    int64_list=tf.train.Int64List(value=[label])
                ),
            }
            example = tf.train.Example(
                features=tf.train.Features(feature=features)
            )
            writer.write(example.SerializeToString())


def encoded(count, seed=0):
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return pixels, [tf.io.encode_png(image).numpy() for image in pixels]


def test_tfrecords_of_images_and_labels_are_read(tmp_path):
    pixels, images = encoded(6)
    records(tmp_path / "train-0.tfrecord", images[:3], [0, 1, 0])
    records(tmp_path / "train-1.tfrecord", images[3:4], [1])
    records(tmp_path / "test.tfrecord", images[4:], [1, 0])
    (tmp_path / "classes.txt").write_text("ant\nbee\n")
    loaded = load(tmp_path)
    assert loaded.name == "tfrecords" and loaded.classes == ("ant", "bee")
    np.testing.assert_array_equal(loaded.train.inputs[:], pixels[:4])
    assert list(loaded.train.labels) == [0, 1, 0, 1]
    assert list(loaded.test.labels) == [1, 0]


def test_invalid_tfrecords_are_refused(tmp_path):
    _, images = encoded(20)
    for name in ("labels", "names", "broken", "other", "cut"):
        (tmp_path / name).mkdir()
    records(tmp_path / "labels" / "train.tfrecord", images, [-1] * 20)
    refused(tmp_path / "labels", "whole number from 0. Received: -1")
    path = tmp_path / "names"
    records(path / "train.tfrecord", images, [0, 1, 2, 3] * 5)
    (path / "classes.txt").write_text("ant\n")
    refused(path, "1 names, and label 3")
    path = tmp_path / "broken"
    records(
        path / "train.tfrecord", [b"not an image", *images[1:]], [0, 1] * 10
    )
    refused(path, "train.tfrecord, record 1 ")
    with tf.io.TFRecordWriter(str(tmp_path / "other/train.tfrecord")) as file:
        file.write(b"something else")
    refused(tmp_path / "other", "A record must be a tf.train.Example")
    path = tmp_path / "cut" / "train.tfrecord"
    records(path, images, [0, 1] * 10)
    path.write_bytes(path.read_bytes()[:500])
    refused(tmp_path / "cut", "train.tfrecord, near record")


@pytest.mark.parametrize("suffix", [".gz", ""])
def test_tfrecords_may_be_compressed(tmp_path, suffix):
    pixels, images = encoded(12)
    records(tmp_path / "plain", images, [0, 1] * 6)
    packed = gzip.compress((tmp_path / "plain").read_bytes())
    (tmp_path / "plain").unlink()
    (tmp_path / f"train.tfrecord{suffix}").write_bytes(packed)
    loaded = load(tmp_path)
    both = np.concatenate([loaded.train.inputs[:], loaded.test.inputs[:]])
    assert sorted(x.tobytes() for x in both) == sorted(
        x.tobytes() for x in pixels
    )


def test_files_next_to_tfrecords_are_not_records(tmp_path):
    pixels, images = encoded(12)
    records(tmp_path / "train.tfrecord", images, [0, 1] * 6)
    before = load(tmp_path).fingerprint
    for name in (
        *(
            "train.tfrecord.idx",
            "train.tfrecord.idx.gz",
            "train.tfrecords.json",
        ),
        *("._train.tfrecord", "notes.tfrecord"),
    ):
        (tmp_path / name).write_text("0 166")
    assert load(tmp_path).fingerprint == before
    (tmp_path / "train-1.tfrecord.zst").write_text("x")
    refused(tmp_path, "Received: .zst. Unpack it first")


def test_validation_tfrecords_are_the_validation_split(tmp_path):
    pixels, images = encoded(12)
    records(tmp_path / "Train.tfrecord", images[:8], [0, 1] * 4)
    records(tmp_path / "Val-00000-of-00001.tfrecord", images[8:], [1, 1, 0, 0])
    loaded = load(tmp_path, validation_fraction=0.1)
    assert (len(loaded.train), len(loaded.test)) == (7, 1)
    np.testing.assert_array_equal(loaded.validation.inputs[:], pixels[8:])
    assert list(loaded.validation.labels) == [1, 1, 0, 0]


def test_labels_of_tfrecords_that_are_no_classes_are_refused(tmp_path):
    _, images = encoded(4)
    records(tmp_path / "train.tfrecord", images, [0, 1, 2**40, 1])
    refused(tmp_path, "up to 1,099,511,627,776 of 4 examples.*outputs.Values")


def test_names_of_tfrecords_need_not_be_utf8(tmp_path):
    _, images = encoded(12)
    path = tmp_path / os.fsdecode(b"train-\xe9.tfrecord")
    records(tmp_path / "x", images, [0, 1] * 6)
    (tmp_path / "x").rename(path)
    assert len(load(tmp_path).train) == 11
    records(tmp_path / "x", [b"no image", *images[1:]], [0, 1] * 6)
    (tmp_path / "x").rename(path)
    refused(tmp_path, r"train-\\xe9.tfrecord, record 1 ")
