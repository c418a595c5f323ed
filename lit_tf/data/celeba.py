"""CelebA, aligned and cropped (Liu et al., 2015): faces and 40 attributes.

Read from the official pictures and lists; otherwise, if allowed, fetched by
TensorFlow Datasets.
"""

import io
import pathlib

import numpy as np

from lit_tf import config, errors
from lit_tf.data import decoded, images, listings, tfds
from lit_tf.data.dataset import Dataset

_FOLDER = "img_align_celeba"
_LIST = "list_attr_celeba.txt"
_PARTITION = "list_eval_partition.txt"
_OFFICIAL = 202_599
_PARTS = ("train", "validation", "test")
_HAIR = ("Black_Hair", "Blond_Hair", "Brown_Hair")
# StarGAN's (Choi et al., 2018), as in the paper.
_HABIT = images.Habit(
    name="celeba",
    attributes=(*_HAIR, "Male", "Young"),
    exclusive=(_HAIR,),
    crop_size=178,
)


def load(
    data_dir: str = "",
    download: bool = False,
    settings: config.Data | None = None,
) -> Dataset:
    """Loads CelebA: pictures that become pictures of other attributes.

    With its `list_eval_partition.txt` the official test split is tested on, and
    the official validation split trains (`--validation_fraction` sets another
    apart); without it the test split is drawn as the published StarGAN does.
    """
    settings = settings or config.Data(dataset="celeba")
    found = _from_files(images.root(data_dir))
    if found is None and not download:
        raise errors.DataError(
            f"No {_FOLDER}/ and no {_LIST} in --data_dir={data_dir!r}. Name "
            "the folder that holds both, or let TensorFlow Datasets fetch the "
            "data with --download."
        )
    if found is None:
        found = _from_tfds(data_dir)
    return images.dataset(_HABIT, settings, found)


def _from_files(root):
    if root is None:
        return None
    folder, source = root / _FOLDER, root / _LIST
    there = folder.is_dir(), source.is_file()
    if not any(there):
        return None
    if not all(there):
        lacking = f"{_LIST}" if there[0] else f"{_FOLDER}/"
        raise errors.DataError(f"{root} holds no {lacking}.")
    listing = listings.read_celeba(source)
    partition = root / _PARTITION
    if partition.is_file():
        test = listings.read_partition(partition, listing.names)
        notes = (f"split by {_PARTITION}",)
    else:
        test = images.drawn(len(listing.names))
        notes = (f"without a {_PARTITION}, the test pictures were drawn",)
    return images.collection(
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
                yield decoded.Picture(
                    f"{part} {number}",
                    io.BytesIO(row["image"]),
                    np.array(values, np.uint8),
                )

    return images.Collection(
        pictures=read(),
        attributes=attributes,
        test=np.repeat([part == "test" for part in _PARTS], counts),
        key={"tfds": builder.info.full_name, "counts": counts},
        beside=pathlib.Path(builder.data_dir),
        notes=_unofficial(sum(counts)),
    )


def _unofficial(count):
    return () if count == _OFFICIAL else (f"not the official {_OFFICIAL:,}",)


SOURCE = images.source(_HABIT, load)
