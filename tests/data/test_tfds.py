"""Any data set of TensorFlow Datasets, by its name."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from lit_tf import config, data, errors

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def written(folder, splits, *, features=None, name="own_flowers"):
    """Leaves a data set in a folder, as TensorFlow Datasets prepares it."""
    features = features or {
        "id": tfds.features.Text(),
        "picture": tfds.features.Image(),
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
            "picture": random.integers(0, 256, (5, 7, 3), dtype=np.uint8),
            "species": i % 2,
        }
        for i in range(count)
    ]


def load(folder, name="tfds:own_flowers", **kwargs):
    settings = config.Data(dataset=name, image_size=5, validation_fraction=0)
    return data.load(settings, data_dir=str(folder), **kwargs)


def refused(words, folder, error=errors.DataError, **kwargs):
    with pytest.raises(error, match=words):
        load(folder, **kwargs)


def middles(some):
    """Returns pictures as they are cut, and their classes, in any order."""
    return sorted(
        (row["picture"][:, 1:6].tobytes(), row["species"]) for row in some
    )


def pairs(split):
    return sorted(
        (bytes(image), label)
        for image, label in zip(split.inputs[:], split.labels, strict=True)
    )


@pytest.mark.parametrize("later", ["test", "validation"])
def test_a_data_set_is_read_by_its_name(later, tmp_path):
    train, test = rows(4), rows(2, seed=1)
    written(tmp_path, {"train": train, later: test})
    loaded = load(tmp_path)
    assert loaded.name == "tfds:own_flowers"
    assert loaded.classes == ("rose", "tulip")
    assert pairs(loaded.train) == middles(train)
    assert pairs(loaded.test) == middles(test)
    kept = load(tmp_path)
    assert kept.fingerprint == loaded.fingerprint
    np.testing.assert_array_equal(kept.train.inputs[:], loaded.train.inputs[:])


def test_without_a_split_to_test_on_a_tenth_is_set_apart(tmp_path):
    written(tmp_path, {"train": rows(20)})
    loaded = load(tmp_path)
    assert (len(loaded.train), len(loaded.test)) == (18, 2)


def test_one_that_is_not_there_is_fetched_when_asked(tmp_path, monkeypatch):
    refused("beans is not in .*--download", tmp_path, name="tfds:beans")

    def fail(self, url):
        raise OSError("a wrong checksum:\n* Expected: 1\n* Got: 2")

    manager = tfds.download.DownloadManager
    monkeypatch.setattr(manager, "download_and_extract", fail)
    monkeypatch.setattr(manager, "download", fail)
    refused(
        "could not fetch beans: .*checksum: . Expected",
        tmp_path,
        name="tfds:beans",
        download=True,
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("beens", "has no 'beens'. The nearest is beans"),
        ("mnist:9.9.9", "does not know 'mnist:9.9.9': .*9.9.9"),
        ("mnist/nope", "does not know 'mnist/nope': .*nope"),
        ("", "does not know ''"),
    ],
)
def test_a_name_that_is_none_is_refused_in_a_line(name, words, tmp_path):
    with pytest.raises(errors.SettingsError, match=words) as caught:
        load(tmp_path, name=f"tfds:{name}")
    assert "\n" not in str(caught.value)


def test_what_it_cannot_be_is_refused(tmp_path):
    written(tmp_path / "a", {"test": rows(2)})
    refused("a split train. Received: .*of splits test", tmp_path / "a")
    picture, label = (
        tfds.features.Image(),
        tfds.features.ClassLabel(num_classes=2),
    )
    two = [
        {"left": row["picture"], "right": row["picture"], "species": 0}
        for row in rows(2)
    ]
    written(
        tmp_path / "b",
        {"train": two},
        features={"left": picture, "right": picture, "species": label},
    )
    refused("one image .*Received: left, right, species", tmp_path / "b")
    none = [dict(row, species=-1) for row in rows(2)]
    written(tmp_path / "c", {"train": rows(2), "test": none})
    refused("the class of every image. .* of test without", tmp_path / "c")


def test_of_two_images_the_one_called_image_is_read(tmp_path):
    some = [
        {"image": row["picture"], "mask": row["picture"][..., :1], "label": 1}
        for row in rows(3)
    ]
    features = {
        "image": tfds.features.Image(),
        "mask": tfds.features.Image(shape=(None, None, 1)),
        "label": tfds.features.ClassLabel(num_classes=2),
    }
    written(tmp_path, {"train": some, "test": some}, features=features)
    wanted = [{"picture": row["image"], "species": 1} for row in some]
    assert pairs(load(tmp_path).train) == middles(wanted)
