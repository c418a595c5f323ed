"""Files of images with attributes, for tests that load them."""

import numpy as np
import pytest
from PIL import Image

from lit_tf import config, data, errors

NAMES = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young", "Smiling")
ALL_COLUMNS = range(len(NAMES))
HEADER = f"file,{','.join(NAMES)}"
FORTY = (*NAMES, *(f"Attribute_{i}" for i in range(34)))


def load(folder, name="image_folder", download=False, **settings):
    chosen = {"dataset": name, "validation_fraction": 0, "image_size": 8}
    return data.load(
        config.Data(**chosen | settings),
        data_dir=str(folder),
        download=download,
    )


def refusal(folder, name="image_folder", error=errors.DataError, **settings):
    """Returns the error message, which must be one line."""
    with pytest.raises(error) as caught:
        load(folder, name, **settings)
    (line,) = str(caught.value).splitlines()
    return line


def pixels(i, shape=(9, 8)):
    """Returns image i, of one colour that identifies it."""
    return np.full((*shape, 3), [i, 255 - i, i % 7], np.uint8)


def write(folder, count=20, place="images"):
    """Writes images and their list; returns the list's path."""
    rows = [HEADER]
    for i in range(count):
        path = folder / place / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(i)).save(path)
        rows.append(f"{i}.png," + ",".join(str(i >> b & 1) for b in range(6)))
    (folder / "attributes.csv").write_text("\n".join(rows) + "\n")
    return folder / "attributes.csv"


def write_celeba(folder, count=20, partition=None):
    """Writes CelebA's layout; returns the path of its list."""
    (folder / "img_align_celeba").mkdir(parents=True)
    rows = [f"{count}", " ".join(FORTY)]
    for i in range(count):
        name = f"{i + 1:06}.jpg"
        path = folder / "img_align_celeba" / name
        Image.fromarray(pixels(i, (218, 178))).save(path)
        values = (2 * (i >> b & 1) - 1 for b in range(40))
        rows.append(f"{name} " + " ".join(f"{v:2}" for v in values))
    if partition:
        (folder / "list_eval_partition.txt").write_text(
            "".join(f"{i + 1:06}.jpg {p}\n" for i, p in enumerate(partition))
        )
    (folder / "list_attr_celeba.txt").write_text(" \n".join(rows) + " \n")
    return folder / "list_attr_celeba.txt"


def numbers(split):
    """Returns the numbers of a split's images, read from their colour."""
    return split.inputs[:][:, 4, 4, 0].tolist()


def check_values(loaded, columns=ALL_COLUMNS):
    """Checks that each image has its own attributes."""
    for split in (loaded.train, loaded.test):
        expected = [[i >> b & 1 for b in columns] for i in numbers(split)]
        np.testing.assert_array_equal(split.labels, expected)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
