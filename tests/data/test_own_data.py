"""The user's own arrays, and the dataset that the files of a folder decide."""

import re

import numpy as np
import pytest
from own_files import images, load, refused

from lit_tf import config, data, errors
from lit_tf.data import crops


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
    none, flip = crops.Crop(), crops.Crop(flip=True)
    for place, settings, expected in (
        ("mine.npz", {}, none),
        ("mine.npz", {"pad": 4, "flip": "on"}, crops.Crop(pad=4, flip=True)),
        ("folders", {}, flip),
        ("folders", {"pad": 2}, crops.Crop(pad=2, flip=True)),
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


@pytest.mark.parametrize("part", ["val", "validation", "dev"])
def test_validation_arrays_are_the_validation_split(tmp_path, part):
    own = {f"x_{part}": np.ones((6, 5)), f"y_{part}": np.arange(6) % 3}
    arrays(tmp_path / "mine.npz", **own)
    loaded = load(tmp_path, validation_fraction=0.1)
    assert (len(loaded.train), len(loaded.validation)) == (20, 6)
    np.testing.assert_array_equal(loaded.validation.inputs, own[f"x_{part}"])
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
