"""scikit-learn's handwritten digits: real data that needs no download."""

import numpy as np

from lit_tf import config
from lit_tf.data import augment
from lit_tf.data.dataset import Dataset, Source, Split

_STEM = {"mean": (4.88,), "std": (6.02,)}


def load(
    data_dir: str = "",
    download: bool = False,
    settings: config.Data | None = None,
) -> Dataset:
    """Loads 1,797 grey 8×8 images of 0 … 16 (UCI, Alpaydin & Kaynak, 1998).

    They come without a split. Every fifth is a test image, so that each of the
    writers, who follow one another, is in train and in test.
    """
    # Nothing to look for, nothing to fetch, nothing to choose.
    del data_dir, download, settings
    from sklearn import datasets

    bunch = datasets.load_digits()
    images = bunch.images.astype(np.uint8)[..., np.newaxis]
    labels = bunch.target.astype(np.int32)
    test = np.arange(len(labels)) % 5 == 0
    return Dataset(
        name="digits",
        train=Split(images[~test], labels[~test]),
        test=Split(images[test], labels[test]),
        classes=tuple(map(str, bunch.target_names)),
        stem=_STEM,
        crop=SOURCE.crop,
    )


SOURCE = Source(
    load=load,
    input_shape=lambda _: (8, 8, 1),
    classes=lambda _: tuple("0123456789"),
    stem=lambda _: _STEM,
    # Their ink fills the image: shifting it would cut it off.
    crop=augment.Crop(),
)
