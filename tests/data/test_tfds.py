"""Datasets of TensorFlow Datasets by name."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from lit_tf import config, data, errors

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def write(folder, splits, *, features=None, name="own_flowers"):
    """Writes a dataset in the format of TensorFlow Datasets."""
    features = features or {
        "id": tfds.features.Text(),
        "photo": tfds.features.Image(),
        "species": tfds.features.ClassLabel(names=["rose", "tulip"]),
    }
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="1.0.0",
        data_dir=folder,
        split_datasets={
            part: [(i, row) for i, row in enumerate(rows)]
            for part, rows in splits.items()
        },
        features=tfds.features.FeaturesDict(features),
    )


def rows(count, *, seed=0):
    random = np.random.default_rng(seed)
    return [
        {
            "id": f"{i}",
            "photo": random.integers(0, 256, (5, 7, 3), dtype=np.uint8),
            "species": i % 2,
        }
        for i in range(count)
    ]


def load(folder, name="tfds:own_flowers", **kwargs):
    settings = config.Data(dataset=name, image_size=5, validation_fraction=0)
    return data.load(settings, data_dir=str(folder), **kwargs)


def refused(message, folder, error=errors.DataError, **kwargs):
    with pytest.raises(error, match=message):
        load(folder, **kwargs)


def centres(some):
    """Returns the centred squares and classes of images, sorted."""
    return sorted(
        (row["photo"][:, 1:6].tobytes(), row["species"]) for row in some
    )


def pairs(split):
    return sorted(
        (bytes(image), label)
        for image, label in zip(split.inputs[:], split.labels, strict=True)
    )


@pytest.mark.parametrize("part", ["test", "validation"])
def test_a_dataset_is_read_by_its_name(part, tmp_path):
    train, test = rows(4), rows(2, seed=1)
    write(tmp_path, {"train": train, part: test})
    loaded = load(tmp_path)
    assert loaded.name == "tfds:own_flowers"
    assert loaded.classes == ("rose", "tulip")
    assert pairs(loaded.train) == centres(train)
    assert pairs(loaded.test) == centres(test)
    again = load(tmp_path)
    assert again.fingerprint == loaded.fingerprint
    np.testing.assert_array_equal(again.train.inputs[:], loaded.train.inputs[:])


def test_without_a_test_split_a_tenth_is_set_apart(tmp_path):
    write(tmp_path, {"train": rows(20)})
    loaded = load(tmp_path)
    assert (len(loaded.train), len(loaded.test)) == (18, 2)


def test_a_missing_dataset_is_downloaded_if_allowed(tmp_path, monkeypatch):
    refused("beans is not in .*--download", tmp_path, name="tfds:beans")

    def fail(self, url):
        raise OSError("a wrong checksum:\n* Expected: 1\n* Got: 2")

    manager = tfds.download.DownloadManager
    monkeypatch.setattr(manager, "download_and_extract", fail)
    monkeypatch.setattr(manager, "download", fail)
    refused(
        "could not download beans: .*checksum: . Expected",
        tmp_path,
        name="tfds:beans",
        download=True,
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("beens", "has no 'beens'. The nearest is beans"),
        ("mnist:9.9.9", "does not know 'mnist:9.9.9': .*9.9.9"),
        ("mnist/nope", "does not know 'mnist/nope': .*nope"),
        ("", "does not know ''"),
    ],
)
def test_an_unknown_name_is_refused_in_one_line(name, message, tmp_path):
    with pytest.raises(errors.SettingsError, match=message) as caught:
        load(tmp_path, name=f"tfds:{name}")
    assert "\n" not in str(caught.value)


def test_a_dataset_of_another_form_is_refused(tmp_path):
    write(tmp_path / "a", {"test": rows(2)})
    refused("a split train. Received: .*; splits test", tmp_path / "a")
    photo, label = (
        tfds.features.Image(),
        tfds.features.ClassLabel(num_classes=2),
    )
    two = [
        {"left": row["photo"], "right": row["photo"], "species": 0}
        for row in rows(2)
    ]
    write(
        tmp_path / "b",
        {"train": two},
        features={"left": photo, "right": photo, "species": label},
    )
    refused(
        "one image .*Received: features left, right, species", tmp_path / "b"
    )
    unlabelled = [dict(row, species=-1) for row in rows(2)]
    write(tmp_path / "c", {"train": rows(2), "test": unlabelled})
    refused("a class for every image. .* of split test without", tmp_path / "c")


def test_the_feature_named_image_is_read_if_there_are_two_images(tmp_path):
    some = [
        {"image": row["photo"], "mask": row["photo"][..., :1], "label": 1}
        for row in rows(3)
    ]
    features = {
        "image": tfds.features.Image(),
        "mask": tfds.features.Image(shape=(None, None, 1)),
        "label": tfds.features.ClassLabel(num_classes=2),
    }
    write(tmp_path, {"train": some, "test": some}, features=features)
    expected = [{"photo": row["image"], "species": 1} for row in some]
    assert pairs(load(tmp_path).train) == centres(expected)
