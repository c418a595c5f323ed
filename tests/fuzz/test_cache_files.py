"""Any bytes in the cache folder: what is damaged is made again."""

import gzip
import io
import tarfile

import numpy as np
import pytest
from hypothesis import given, settings, strategies
from mutations import EXAMPLES, Touch, check, contents
from PIL import Image

from lit_tf import config, data, errors
from lit_tf.data import cifar

FILES = ("facts.json", "places.npy", "labels.npy", "pixels.bin")


def load(root):
    return data.load(
        config.Data(image_size=4, validation_fraction=0),
        data_dir=str(root / "data"),
        cache_dir=str(root / "cache"),
    )


@pytest.fixture
def stored(tmp_path):
    """The folder of the decoded images of a dataset."""
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(4):
            path = tmp_path / "data" / name / f"{i}.png"
            Image.new("RGB", (4, 4), (i, 99, 9)).save(path)
    load(tmp_path)
    (folder,) = (tmp_path / "cache/encoded").glob("pictures-*")
    return folder


def test_any_damage_of_the_cache_is_repaired_or_harmless(tmp_path, stored):
    whole = {name: (stored / name).read_bytes() for name in FILES}

    @settings(EXAMPLES, max_examples=max(25, EXAMPLES.max_examples // 5))
    @given(contents(*whole.values()), strategies.sampled_from(FILES))
    def damage(content, name):
        for file, original in whole.items():
            (stored / file).write_bytes(original)
        (stored / name).write_bytes(content)
        loaded = check(lambda: load(tmp_path), len(content))
        assert len(loaded.train) + len(loaded.test) <= 8
        assert loaded.train.inputs[:].shape[1:] == (4, 4, 3)

    damage()


@pytest.mark.parametrize("name", ["places.npy", "labels.npy"])
def test_objects_in_the_cache_are_not_run(tmp_path, stored, name):
    marker = tmp_path / "marker"
    np.save(stored / name, np.array([Touch(marker)] * 8))
    assert len(load(tmp_path).train) == 7
    assert not marker.exists()


def cifar_archive(mode, size=3 * 3073):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as tar:
        for name in ("data_batch_1.bin", "test_batch.bin"):
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = size
            tar.addfile(info, io.BytesIO(bytes(size)))
        info = tarfile.TarInfo("cifar-10-batches-bin/batches.meta.txt")
        info.size = 20
        tar.addfile(info, io.BytesIO(b"a\n" * 10))
    return file.getvalue()


@EXAMPLES
@given(content=contents(cifar_archive("w"), cifar_archive("w:gz")))
def test_any_archive_of_cifar_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "cifar-10-binary.tar.gz"
    path.write_bytes(content)
    check(lambda: cifar.CIFAR10.load(str(path)), len(content))


def test_an_archive_of_cifar_that_unpacks_to_too_much_is_refused(tmp_path):
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(gzip.compress(bytes(2**27), 1))

    def read():
        with pytest.raises(errors.DataError, match="more than 8 times"):
            cifar.CIFAR10.load(str(path))

    check(read, path.stat().st_size)
