"""The user's own images with a list of their attributes."""

from lit_tf import config, errors
from lit_tf.config import generators
from lit_tf.data import attribute_images, held_out, image_files, listings
from lit_tf.data.dataset import Dataset

_FOLDER = "images"
_DEFAULTS = attribute_images.Defaults(name="image_folder")


def load(
    data_dir: str = "",
    download: bool = False,
    settings: config.Data | None = None,
    cache_dir: str = "",
) -> Dataset:
    """Loads the images listed in attributes.csv, from images/ or next to it.

    A tenth of the images, at most 1,999, is the test split (`held_out.draw`).

    Args:
        data_dir: the folder with the list and the images.
        download: not used.
        settings: the attributes, and the size of the images.
        cache_dir: the folder for decoded images; "" for the user's cache.

    Raises:
        DataError: if the list or images are missing or damaged.
    """
    del download  # The user's own files cannot be downloaded.
    settings = settings or config.Data(dataset="image_folder")
    root = image_files.data_folder(data_dir)
    if root is None or not (root / generators.LISTING).is_file():
        raise errors.DataError(
            image_files.missing(f"No {generators.LISTING}", data_dir)
            + f" Name the folder that holds it and the images, in {_FOLDER}/ "
            "or next to it; --download cannot fetch your own images."
        )
    listing = listings.read_csv(root / generators.LISTING)
    inner = root / _FOLDER
    collected = attribute_images.collection(
        listing,
        inner if inner.is_dir() else root,
        test=held_out.draw(len(listing.names)),
    )
    return attribute_images.dataset(_DEFAULTS, settings, collected, cache_dir)


SOURCE = attribute_images.source(_DEFAULTS, load)
