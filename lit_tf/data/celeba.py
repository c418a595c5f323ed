"""CelebA, aligned and cropped (Liu et al., 2015): faces and 40 attributes.

Read from the official images and lists; without them downloaded by TensorFlow
Datasets, if that is allowed.
"""

import io
import pathlib

import numpy as np

from lit_tf import config, errors
from lit_tf.data import (
    attribute_images,
    decoded,
    held_out,
    image_files,
    listings,
    tfds,
)
from lit_tf.data.dataset import Dataset

_FOLDER = "img_align_celeba"
_LIST = "list_attr_celeba.txt"
_PARTITION = "list_eval_partition.txt"
_OFFICIAL = 202_599
_PARTS = ("train", "validation", "test")
_HAIR = ("Black_Hair", "Blond_Hair", "Brown_Hair")
# The choice of StarGAN (Choi et al., 2018), which the paper follows.
_DEFAULTS = attribute_images.Defaults(
    name="celeba",
    attributes=(*_HAIR, "Male", "Young"),
    exclusive=(_HAIR,),
    crop_size=178,
)


def load(
    data_dir: str = "",
    download: bool = False,
    settings: config.Data | None = None,
    cache_dir: str = "",
) -> Dataset:
    """Loads CelebA for image-to-image translation of attributes.

    With `list_eval_partition.txt` the test split is the official one. The
    official validation split is then used for training:
    `--validation_fraction` sets other examples apart. Without that file the
    test split is drawn as in the published StarGAN code.

    Args:
        data_dir: the folder with the official files.
        download: whether TensorFlow Datasets may download missing files.
        settings: the attributes, and the size of the images.
        cache_dir: the folder for decoded images; "" for the user's cache.

    Raises:
        DataError: if files are missing or damaged.
    """
    settings = settings or config.Data(dataset="celeba")
    collected = _from_files(image_files.data_folder(data_dir))
    if collected is None and not download:
        raise errors.DataError(
            image_files.missing(f"No {_FOLDER}/ and no {_LIST}", data_dir)
            + " Name the folder that holds both, or let TensorFlow Datasets "
            "download the data with --download."
        )
    if collected is None:
        collected = _from_tfds(data_dir)
    return attribute_images.dataset(_DEFAULTS, settings, collected, cache_dir)


def _from_files(root):
    if root is None:
        return None
    folder, source = root / _FOLDER, root / _LIST
    present = folder.is_dir(), source.is_file()
    if not any(present):
        return None
    if not all(present):
        missing = f"{_LIST}" if present[0] else f"{_FOLDER}/"
        raise errors.DataError(f"{root} holds no {missing}.")
    listing = listings.read_celeba(source)
    partition = root / _PARTITION
    if partition.is_file():
        test = listings.read_partition(partition, listing.names)
        notes = (f"split by {_PARTITION}",)
    else:
        test = held_out.draw(len(listing.names))
        notes = (f"test images were drawn, as there is no {_PARTITION}",)
    return attribute_images.collection(
        listing, folder, test=test, notes=(*_unofficial(len(test)), *notes)
    )


def _from_tfds(data_dir):
    import tensorflow_datasets

    builder = tfds.prepared("celeb_a", data_dir, download=True)
    attributes = tuple(builder.info.features["attributes"])
    counts = [builder.info.splits[part].num_examples for part in _PARTS]

    def read():
        for part in _PARTS:
            table = builder.as_dataset(
                split=part,
                decoders={"image": tensorflow_datasets.decode.SkipDecoding()},
            )
            for number, row in enumerate(tensorflow_datasets.as_numpy(table)):
                values = [row["attributes"][name] for name in attributes]
                yield decoded.ImageFile(
                    f"{part} {number}",
                    io.BytesIO(row["image"]),
                    np.array(values, np.uint8),
                )

    return attribute_images.Collection(
        images=read(),
        attributes=attributes,
        test=np.repeat([part == "test" for part in _PARTS], counts),
        key={"tfds": builder.info.full_name, "counts": counts},
        folder=pathlib.Path(builder.data_dir),
        notes=_unofficial(sum(counts)),
    )


def _unofficial(count):
    return () if count == _OFFICIAL else (f"not the official {_OFFICIAL:,}",)


SOURCE = attribute_images.source(_DEFAULTS, load)
