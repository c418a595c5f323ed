"""The user's own images in one folder per class."""

import pathlib

import numpy as np

from lit_tf import config, errors
from lit_tf.data import (
    class_folders,
    class_images,
    derived_files,
    held_out,
    image_files,
    split_names,
)
from lit_tf.data.dataset import Dataset

_NAME = "image_classes"


def load(
    data_dir: str = "",
    download: bool = False,
    settings: config.Data | None = None,
    cache_dir: str = "",
) -> Dataset:
    """Loads images from folders that are named by their classes.

    The folders are in the data folder itself, or in folders for the splits,
    such as `train/`, `val/` and `test/` (`split_names.part_of`). Without a test
    folder, a tenth of the training images, at most 1,999, is the test split
    (`held_out.draw`). A validation folder is the validation split. The largest
    centred square of each image is resized to `image_size`, in RGB.

    Args:
        data_dir: the data folder.
        download: not used.
        settings: the size of the images.
        cache_dir: the folder for decoded images; "" for the user's cache.

    Raises:
        DataError: if there are no such folders or fewer than two classes, a
            class has no training images or a folder of it no images, the
            folders could be read in two ways, or images cannot be decoded.
    """
    del download  # The user's own files cannot be downloaded.
    settings = settings or config.Data(dataset=_NAME)
    root = image_files.data_folder(data_dir)
    if root is None or not class_folders.present(root):
        raise errors.DataError(
            image_files.missing("No folders of images", data_dir)
            + " Name the folder that holds one folder for each class, or "
            "train/ and test/ with such folders."
        )
    layout = class_folders.read(root)
    paths, labels, parts = [], [], []
    for part in split_names.PARTS:
        for label, name in enumerate(layout.classes):
            class_paths = layout.images.get(part, {}).get(name, [])
            paths += class_paths
            labels += [label] * len(class_paths)
            parts += [part] * len(class_paths)
    parts = np.array(parts)
    test, notes = parts == "test", layout.notes
    if not test.any():
        is_train = np.flatnonzero(parts == "train")
        test[is_train[held_out.draw(len(is_train))]] = True
        notes = (held_out.NOTE, *notes)
    return class_images.dataset(
        _NAME,
        settings,
        ((image_files.printable(path), str(path)) for path in paths),
        labels=labels,
        test=test,
        validation=parts == "validation",
        classes=[image_files.printable(name) for name in layout.classes],
        key={
            "images": derived_files.fingerprint(
                (_relative(path, root), path) for path in paths
            )
        },
        folder=root,
        cache_dir=cache_dir,
        notes=notes,
    )


def _relative(path: pathlib.Path, root: pathlib.Path) -> str:
    return path.relative_to(root).as_posix()


SOURCE = class_images.source(load)
