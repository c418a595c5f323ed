"""CIFAR from tiny files in the official binary layout, and damaged files."""

import dataclasses
import shutil
import tarfile

import numpy as np
import pytest
import tensorflow_datasets as tfds

from lit_tf import errors
from lit_tf.data import cifar


@dataclasses.dataclass(frozen=True)
class Official:
    """The layout as documented on the dataset's page."""

    load: object
    folder: str
    archive: str
    train: tuple[str, ...]
    test: str
    names: dict[str, tuple[str, ...]]  # By file; the last names the classes.

    @property
    def classes(self):
        return list(self.names.values())[-1]

    @property
    def record(self):
        return 3072 + len(self.names)


CIFAR10 = Official(
    load=cifar.CIFAR10.load,
    folder="cifar-10-batches-bin",
    archive="cifar-10-binary.tar.gz",
    train=tuple(f"data_batch_{i}.bin" for i in (1, 2, 3, 4, 5)),
    test="test_batch.bin",
    names={"batches.meta.txt": tuple(f"class{i}" for i in range(10))},
)
CIFAR100 = Official(
    load=cifar.CIFAR100.load,
    folder="cifar-100-binary",
    archive="cifar-100-binary.tar.gz",
    train=("train.bin",),
    test="test.bin",
    names={
        "coarse_label_names.txt": tuple(f"coarse{i}" for i in range(20)),
        "fine_label_names.txt": tuple(f"fine{i}" for i in range(100)),
    },
)
both = pytest.mark.parametrize(
    "official", [CIFAR10, CIFAR100], ids=["cifar10", "cifar100"]
)


def write(official, parent, examples=4):
    """Writes random records to each file; returns the folder."""
    folder = parent / official.folder
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in (*official.train, official.test):
        table = random.integers(0, 256, (examples, official.record), np.uint8)
        for column, names in enumerate(official.names.values()):
            table[:, column] = random.integers(0, len(names), examples)
        (folder / name).write_bytes(table.tobytes())
    for name, names in official.names.items():
        (folder / name).write_text("\n".join(names) + "\n\n")
    return folder


def pack(official, parent):
    """Writes the archive alone; returns its path."""
    folder = write(official, parent)
    with tarfile.open(parent / official.archive, "w:gz") as tar:
        tar.add(folder, official.folder)
    shutil.rmtree(folder)
    return parent / official.archive


def refusal(official, data_dir, **settings):
    """Returns the error message, which must be one line."""
    with pytest.raises(errors.DataError) as error:
        official.load(str(data_dir), **settings)
    (line,) = str(error.value).splitlines()
    return line


@both
def test_folder_and_archive_give_equal_datasets(official, tmp_path):
    folder = write(official, tmp_path / "folder")
    archive = pack(official, tmp_path / "archive")
    bare = shutil.copytree(folder, tmp_path / "another name")
    loaded = [
        official.load(str(place))
        for place in (folder.parent, folder, archive.parent, archive, bare)
    ]
    assert len({dataset.fingerprint for dataset in loaded}) == 1
    assert {dataset.classes for dataset in loaded} == {official.classes}
    assert len(loaded[0].train) == 4 * len(official.train)
    assert len(loaded[0].test) == 4


@both
def test_a_record_is_labels_and_three_planes(official, tmp_path):
    folder = write(official, tmp_path)
    rows, columns = np.mgrid[0:32, 0:32].astype(np.uint8)
    planes = np.stack([rows, columns, rows + 100 + columns])
    labels = [7, 42] if official is CIFAR100 else [7]
    record = np.concatenate([np.array(labels, np.uint8), planes.ravel()])
    (folder / official.test).write_bytes(record.tobytes())
    test = official.load(str(tmp_path)).test
    assert test.inputs.shape == (1, 32, 32, 3)
    assert test.inputs[0, 5, 9].tolist() == [5, 9, 114]
    assert test.labels.tolist() == labels[-1:]


def test_training_files_are_read_in_their_order(tmp_path):
    folder = write(CIFAR10, tmp_path, examples=1)
    for label, name in enumerate(CIFAR10.train):
        (folder / name).write_bytes(bytes([label] * CIFAR10.record))
    labels = CIFAR10.load(str(tmp_path)).train.labels
    assert labels.tolist() == [0, 1, 2, 3, 4]


def test_a_note_says_that_images_are_not_the_official_ones(tmp_path):
    folder = write(CIFAR10, tmp_path)
    (folder / "data_batch_3.bin").unlink()
    assert CIFAR10.load(str(tmp_path)).note == (
        "16 training and 4 test images; not the official 50,000 and 10,000"
    )


def test_without_a_file_of_names_classes_are_named_by_number(tmp_path):
    (write(CIFAR10, tmp_path) / "batches.meta.txt").unlink()
    assert CIFAR10.load(str(tmp_path)).classes == tuple("0123456789")


def test_a_file_with_too_few_names_is_refused(tmp_path):
    names = write(CIFAR10, tmp_path) / "batches.meta.txt"
    names.write_text("cat\ndog\n")
    assert "batches.meta.txt" in refusal(CIFAR10, tmp_path)


@both
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda record: b"", "is empty."),
        (lambda record: bytes(record + 1), "last record is incomplete"),
        (lambda record: b"\xff" * record, "a label must be below"),
    ],
    ids=["empty", "partial record", "label too large"],
)
def test_a_damaged_file_is_named(official, content, message, tmp_path):
    file = write(official, tmp_path) / official.test
    file.write_bytes(content(official.record))
    line = refusal(official, tmp_path)
    assert line.startswith(official.test) and message in line


@both
def test_missing_files_are_named(official, tmp_path):
    folder = write(official, tmp_path)
    (folder / official.test).unlink()
    assert f"None of {official.test} is in" in refusal(official, tmp_path)
    for file in folder.iterdir():
        file.unlink()
    assert refusal(official, tmp_path) == (
        f"The folder {official.folder} is empty."
    )


@pytest.mark.parametrize("size", [0, 10, 1000, 30_000])
def test_a_truncated_archive_is_refused(size, tmp_path):
    archive = pack(CIFAR10, tmp_path)
    archive.write_bytes(archive.read_bytes()[:size])
    assert "is not a complete tar archive" in refusal(CIFAR10, tmp_path)


def test_an_archive_with_a_flipped_bit_is_refused(tmp_path):
    archive = pack(CIFAR10, tmp_path)
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    assert str(archive) in refusal(CIFAR10, tmp_path)


def test_a_file_that_is_not_an_archive_is_refused(tmp_path):
    (tmp_path / "photo.png").write_bytes(b"no archive at all" * 99)
    line = refusal(CIFAR10, tmp_path / "photo.png")
    assert "photo.png is not a complete tar archive" in line


@both
@pytest.mark.parametrize("folder", ["", "empty"])
def test_without_files_both_flags_are_named(official, folder, tmp_path):
    (tmp_path / "empty").mkdir()
    line = refusal(official, folder and tmp_path / folder)
    for word in (official.archive, official.folder, "--data_dir", "--download"):
        assert word in line


@pytest.mark.parametrize("download", [False, True])
def test_a_folder_that_does_not_exist_is_refused(download, tmp_path):
    line = refusal(CIFAR10, tmp_path / "missing", download=download)
    assert "missing' does not exist." in line


def download_from(folder, monkeypatch):
    # Replaces nothing in TensorFlow Datasets except the network access.
    monkeypatch.setattr(
        tfds.download.DownloadManager,
        "download_and_extract",
        lambda self, url: str(folder),
    )


@both
def test_downloaded_and_official_files_give_the_same_examples(
    official, tmp_path, monkeypatch
):
    write(official, tmp_path / "official")
    (tmp_path / "data").mkdir()
    download_from(tmp_path / "official", monkeypatch)
    downloaded = official.load(str(tmp_path / "data"), download=True)
    read = official.load(str(tmp_path / "official"))
    for splits in (
        (read.train, downloaded.train),
        (read.test, downloaded.test),
    ):
        # TensorFlow Datasets shuffles when it writes.
        one, other = (
            sorted(zip(map(bytes, s.inputs), s.labels, strict=True))
            for s in splits
        )
        assert one == other
    for name in ("name", "classes", "note", "form", "crop"):
        assert getattr(read, name) == getattr(downloaded, name)


def test_a_failed_download_gives_one_line(tmp_path, monkeypatch):
    def fail(self, url):
        raise OSError(f"{url} has a wrong checksum:\n* Expected: 1\n* Got: 2")

    monkeypatch.setattr(
        tfds.download.DownloadManager, "download_and_extract", fail
    )
    line = refusal(CIFAR10, tmp_path, download=True)
    assert "could not download cifar10" in line and "checksum" in line
