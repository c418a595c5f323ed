"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009).

Read from the official *binary* archive or its unpacked folder, which contain no
pickle; without them downloaded by TensorFlow Datasets, if that is allowed.
"""

import dataclasses
import io
import pathlib
import tarfile

import numpy as np

from lit_tf import config, errors
from lit_tf.data import crops, image_files, tfds
from lit_tf.data.dataset import Dataset, Source, Split
from lit_tf.utils import memory, packed_files

_CROP = crops.Crop(pad=4, flip=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Layout:
    """Layout and content of the official binary files."""

    name: str
    folder: str
    archive: str
    train_files: tuple[str, ...]
    test_files: tuple[str, ...]
    names_file: str
    label_bytes: int
    classes: int
    stem: dict[str, tuple[float, ...]]

    @property
    def numbers(self):
        """Class numbers as names, for data without a file of names."""
        return tuple(map(str, range(self.classes)))

    def load(
        self,
        data_dir: str = "",
        download: bool = False,
        settings: config.Data | None = None,
        cache_dir: str = "",
    ) -> Dataset:
        """Loads the dataset: 32×32 RGB images.

        Args:
            data_dir: the archive, or the folder that holds it or its files.
            download: whether TensorFlow Datasets may download the data if they
                are not there.
            settings: not used.
            cache_dir: not used.

        Raises:
            DataError: if a file is missing or damaged.
        """
        del settings, cache_dir  # There is nothing to choose or to store.
        files = _find(self, data_dir)
        if files is not None:
            train, test, names = _from_files(self, files, data_dir)
        elif download:
            train, test, names = _from_tfds(self, data_dir)
        else:
            raise errors.DataError(
                image_files.missing(
                    f"No {self.archive} and no folder {self.folder}", data_dir
                )
                + " Name the folder that holds one, or let TensorFlow Datasets "
                "download the data with --download."
            )
        counts = {"train": len(train), "test": len(test)}
        note = f"{len(train):,} training and {len(test):,} test images"
        if counts != _OFFICIAL:
            note += "; not the official 50,000 and 10,000"
        return Dataset(
            name=self.name,
            train=train,
            test=test,
            classes=names,
            stem=self.stem,
            crop=_CROP,
            note=note,
        )


_CIFAR10 = _Layout(
    name="cifar10",
    folder="cifar-10-batches-bin",
    archive="cifar-10-binary.tar.gz",
    train_files=tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
    test_files=("test_batch.bin",),
    names_file="batches.meta.txt",
    label_bytes=1,
    classes=10,
    stem={"mean": (125.3, 123.0, 113.9), "std": (63.0, 62.1, 66.7)},
)
_CIFAR100 = _Layout(
    name="cifar100",
    folder="cifar-100-binary",
    archive="cifar-100-binary.tar.gz",
    train_files=("train.bin",),
    test_files=("test.bin",),
    names_file="fine_label_names.txt",
    label_bytes=2,
    classes=100,
    stem={"mean": (129.3, 124.1, 112.4), "std": (68.2, 65.4, 70.4)},
)
_PIECE = 2**20  # Bytes.
_COPIES = 4  # Of an archive's content in memory, with those of its files.
_OFFICIAL = {"train": 50_000, "test": 10_000}


def _find(layout, data_dir):
    """Returns functions that read the files, by name; None without files."""
    if not data_dir:
        return None
    root = pathlib.Path(data_dir)
    if not root.exists():
        raise errors.DataError(f"--data_dir={data_dir!r} does not exist.")
    if root.is_file():
        archive = root
    else:
        archive = root / layout.archive
        for folder in (root / layout.folder, root):
            if folder.name == layout.folder and folder.is_dir():
                return _folder_files(folder)
            if any((folder / f).is_file() for f in layout.train_files):
                return _folder_files(folder)
    return _archive_files(archive) if archive.is_file() else None


def _folder_files(folder):
    return {p.name: p.read_bytes for p in folder.iterdir() if p.is_file()}


def _archive_files(archive):
    files = {}
    try:
        # Decompress everything first: gzip has its checksum at the end, and
        # tarfile does not read that far.
        content = io.BytesIO()
        with packed_files.opened(archive) as file:
            while piece := file.read(_PIECE):
                content.write(piece)
                needed = _COPIES * content.tell()
                memory.check(archive, needed, what="its content")
        size = content.tell()
        content.seek(0)
        with tarfile.open(fileobj=content, mode="r:") as tar:
            for member in tar:
                if member.size > size:
                    raise EOFError(f"it claims {member.size:,} bytes")
                if member.isfile():
                    name = pathlib.PurePosixPath(member.name).name
                    read = io.BytesIO(tar.extractfile(member).read()).read
                    files[name] = read
    except (tarfile.TarError, *packed_files.DAMAGES) as error:
        raise errors.DataError(
            f"{archive} is not a complete tar archive ({errors.line(error)})."
        ) from error
    return files


def _from_files(layout, files, data_dir):
    if not files:
        raise errors.DataError(f"The folder {layout.folder} is empty.")
    splits = []
    for names in (layout.train_files, layout.test_files):
        present = [name for name in names if name in files]
        if not present:
            raise errors.DataError(
                f"None of {', '.join(names)} is in --data_dir={data_dir!r}."
            )
        parts = [_records(layout, name, files[name]()) for name in present]
        planes, labels = zip(*parts, strict=True)
        splits.append(Split(_images(planes), np.concatenate(labels)))
    names = layout.numbers
    if layout.names_file in files:
        names = files[layout.names_file]().decode(errors="replace")
        names = tuple(names.split())
    if len(names) != layout.classes:
        raise errors.DataError(
            f"{layout.names_file} must name {layout.classes} classes. "
            f"Received: {len(names)} names."
        )
    return *splits, names


def _records(layout, name, content):
    size = layout.label_bytes + 3072
    if not content:
        raise errors.DataError(f"{name} is empty.")
    if len(content) % size:
        raise errors.DataError(
            f"{name} must hold whole records of {size:,} bytes. "
            f"Received: {len(content):,} bytes; the last record is incomplete."
        )
    table = np.frombuffer(content, np.uint8).reshape(-1, size)
    labels = table[:, layout.label_bytes - 1].astype(np.int32)
    if labels.max() >= layout.classes:
        raise errors.DataError(
            f"{name}, record {int(labels.argmax()):,}: a label must be below "
            f"{layout.classes}. Received: {labels.max()}. Check that the files "
            f"are those of {layout.name}."
        )
    return table[:, layout.label_bytes :].reshape(-1, 3, 32, 32), labels


def _images(planes):
    """Returns images of all files, `[images, 32, 32, 3]`.

    Args:
        planes: pixels of each file, `[images, 3, 32, 32]`.
    """
    images = np.empty((sum(map(len, planes)), 32, 32, 3), np.uint8)
    # Three times as fast as a transposition of each file.
    for channel in range(3):
        each = [pixels[:, channel] for pixels in planes]
        np.concatenate(each, out=images[..., channel])
    return images


def _from_tfds(layout, data_dir):
    import tensorflow_datasets

    builder = tfds.prepared(layout.name, data_dir, download=True)
    splits = []
    for part in ("train", "test"):
        table = tensorflow_datasets.as_numpy(
            builder.as_dataset(split=part, batch_size=-1)
        )
        splits.append(Split(table["image"], table["label"].astype(np.int32)))
    return *splits, tuple(builder.info.features["label"].names)


def _source(layout):
    return Source(
        load=layout.load,
        input_shape=lambda _: (32, 32, 3),
        classes=lambda _: layout.numbers,
        stem=lambda _: layout.stem,
        crop=_CROP,
    )


CIFAR10 = _source(_CIFAR10)
CIFAR100 = _source(_CIFAR100)
