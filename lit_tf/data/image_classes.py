"""Anybody's own images, a folder a class."""

import os
import pathlib

import numpy as np

from lit_tf import config, errors
from lit_tf.data import class_images, derived_files, images
from lit_tf.data.dataset import Dataset

_NAME = "image_classes"


def load(
    data_dir: str = "",
    download: bool = False,
    settings: config.Data | None = None,
) -> Dataset:
    """Loads the images of folders named by their classes.

    These folders are in `train/` and `test/`, or in the data folder itself; a
    tenth of the images, at most 1,999, is to test on then: always the same ones
    of as many. Of each image the largest square in the middle is resized to
    `image_size`, in RGB.

    Raises:
        DataError: there are no such folders, or fewer than two classes; a class
            of `test/` is none of `train/`; images cannot be decoded.
    """
    del download  # They are nobody else's.
    settings = settings or config.Data(dataset=_NAME)
    root = images.root(data_dir)
    if root is None or not found(root):
        raise errors.DataError(
            f"No folders of images in --data_dir={data_dir!r}. Name the folder "
            "that holds one for each class, or train/ and test/ with them."
        )
    parts = [root / part for part in ("train", "test")]
    split = all(part.is_dir() for part in parts)
    listings = [_listed(part) for part in (parts if split else [root])]
    classes = tuple(sorted(listings[0]))
    unknown = sorted({name for some in listings for name in some} - {*classes})
    if unknown:
        raise errors.DataError(
            f"A class to test on must be trained on. Received: {unknown[0]} in "
            f"{parts[1]}/ alone."
        )
    paths, labels, test = [], [], []
    for later, listing in enumerate(listings):
        for label, name in enumerate(classes):
            some = listing.get(name, [])
            paths += some
            labels += [label] * len(some)
            test += [bool(later)] * len(some)
    return class_images.dataset(
        _NAME,
        settings,
        ((str(path), str(path)) for path in paths),
        labels=labels,
        test=np.array(test) if split else images.drawn(len(paths)),
        classes=classes,
        key={
            "images": derived_files.fingerprint(
                (path.relative_to(root).as_posix(), path) for path in paths
            )
        },
        beside=root,
    )


def found(root: pathlib.Path) -> bool:
    """Returns whether a folder is laid out like that."""
    inner = root / "train"
    return bool(_listed(inner if inner.is_dir() else root))


def _listed(root):
    """Returns the images of each class."""
    listing = {}
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        paths = sorted(
            pathlib.Path(place) / name
            for place, _, names in os.walk(folder, followlinks=True)
            for name in names
            if images.is_picture(name)
        )
        if paths:
            listing[folder.name] = paths
    return listing


SOURCE = class_images.source(load)
