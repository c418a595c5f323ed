"""The user's own images, for tests that load them."""

import numpy as np
import pytest
from PIL import Image

from lit_tf import config, data, errors


def images(folder, count, *, size=(6, 8), seed=0):
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    for i in range(count):
        pixels = random.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")


def classes(folder, *names, count=4):
    for i, name in enumerate(names):
        images(folder / name, count, seed=i)


def load(folder, *, cache_dir="", **settings):
    settings = {"image_size": 8, "validation_fraction": 0} | settings
    return data.load(
        config.Data(**{"dataset": "auto"} | settings),
        data_dir=str(folder),
        cache_dir=cache_dir,
    )


def refused(folder, message, **settings):
    folder.mkdir(exist_ok=True)
    with pytest.raises(errors.DataError, match=message):
        load(folder, **settings)
