"""Anybody's own pictures, and a list of their attributes."""

from lit_tf import config, errors
from lit_tf.data import images, listings
from lit_tf.data.dataset import Dataset

_LIST = "attributes.csv"
_FOLDER = "images"
_HABIT = images.Habit(name="image_folder")


def load(
    data_dir: str = "",
    download: bool = False,
    settings: config.Data | None = None,
) -> Dataset:
    """Loads the pictures of an attributes.csv, in images/ or beside it.

    A tenth of them, at most 1,999, is to test on: always the same ones of a
    list as long.
    """
    del download  # They are nobody else's.
    settings = settings or config.Data(dataset="image_folder")
    root = images.root(data_dir)
    if root is None or not (root / _LIST).is_file():
        raise errors.DataError(
            f"No {_LIST} in --data_dir={data_dir!r}. Name the folder that "
            f"holds it and the pictures, in {_FOLDER}/ or beside it; "
            "--download cannot fetch your own."
        )
    listing = listings.read_csv(root / _LIST)
    inner = root / _FOLDER
    found = images.collection(
        listing,
        inner if inner.is_dir() else root,
        test=images.drawn(len(listing.names)),
    )
    return images.dataset(_HABIT, settings, found)


SOURCE = images.source(_HABIT, load)
