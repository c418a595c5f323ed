"""The user's own images in one folder per class."""

import os
import pathlib

import numpy as np

from lit_tf import config, errors
from lit_tf.data import class_images, derived_files, held_out, image_files
from lit_tf.data.dataset import Dataset

_NAME = "image_classes"


def load(
    data_dir: str = "",
    download: bool = False,
    settings: config.Data | None = None,
) -> Dataset:
    """Loads images from folders that are named by their classes.

    The folders are in `train/` and `test/`, or in the data folder itself. In
    the second case a tenth of the images, at most 1,999, is the test split
    (`held_out.draw`). The largest centred square of each image is resized to
    `image_size`, in RGB.

    Args:
        data_dir: the data folder.
        download: not used.
        settings: the size of the images.

    Raises:
        DataError: if there are no such folders or fewer than two classes, a
            class of `test/` is not in `train/`, or images cannot be decoded.
    """
    del download  # The user's own files cannot be downloaded.
    settings = settings or config.Data(dataset=_NAME)
    root = image_files.data_folder(data_dir)
    if root is None or not has_class_folders(root):
        raise errors.DataError(
            f"No folders of images in --data_dir={data_dir!r}. Name the folder "
            "that holds one folder for each class, or train/ and test/ with "
            "such folders."
        )
    parts = [root / part for part in ("train", "test")]
    split = all(part.is_dir() for part in parts)
    listings = [_paths_by_class(part) for part in (parts if split else [root])]
    classes = tuple(sorted(listings[0]))
    unknown = sorted({name for part in listings for name in part} - {*classes})
    if unknown:
        raise errors.DataError(
            "A class with test images must have training images. Received: "
            f"{unknown[0]} in {parts[1]}/ alone."
        )
    paths, labels, test = [], [], []
    for is_test, listing in enumerate(listings):
        for label, name in enumerate(classes):
            class_paths = listing.get(name, [])
            paths += class_paths
            labels += [label] * len(class_paths)
            test += [bool(is_test)] * len(class_paths)
    return class_images.dataset(
        _NAME,
        settings,
        ((str(path), str(path)) for path in paths),
        labels=labels,
        test=np.array(test) if split else held_out.draw(len(paths)),
        classes=classes,
        key={
            "images": derived_files.fingerprint(
                (path.relative_to(root).as_posix(), path) for path in paths
            )
        },
        folder=root,
    )


def has_class_folders(root: pathlib.Path) -> bool:
    """Returns whether a folder has the layout that `load` reads."""
    inner = root / "train"
    return bool(_paths_by_class(inner if inner.is_dir() else root))


def _paths_by_class(root):
    """Returns the sorted image paths of each class folder, by its name."""
    listing = {}
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        paths = sorted(
            pathlib.Path(place) / name
            for place, _, names in os.walk(folder, followlinks=True)
            for name in names
            if image_files.is_image(name)
        )
        if paths:
            listing[folder.name] = paths
    return listing


SOURCE = class_images.source(load)
