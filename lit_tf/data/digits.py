"""scikit-learn's handwritten digits: real images without a download."""

import numpy as np

from lit_tf import config
from lit_tf.data import crops
from lit_tf.data.dataset import Dataset, Source, Split

_STEM = {"mean": (4.88,), "std": (6.02,)}


def load(
    data_dir: str = "",
    download: bool = False,
    settings: config.Data | None = None,
    cache_dir: str = "",
) -> Dataset:
    """Loads 1,797 grey 8×8 images of 0 … 16 (UCI, Alpaydin & Kaynak, 1998).

    They have no official split. Every fifth image is a test image: the images
    are ordered by writer, so that each writer is in both splits.

    Args:
        data_dir: not used; scikit-learn contains the images.
        download: not used.
        settings: not used.
        cache_dir: not used.
    """
    del data_dir, download, settings, cache_dir
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
    # The digits fill the image: a shift would cut parts off.
    crop=crops.Crop(),
)
