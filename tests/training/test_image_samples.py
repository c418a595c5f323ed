"""The cells of a grid of images, and its PNG."""

import numpy as np
import tensorflow as tf
from PIL import Image

from lit_tf import data
from lit_tf.training import image_samples

NAMES = ("Black_Hair", "Blond_Hair", "Male")
HAIR = (NAMES[:2],)
LABELS = np.tile([[1.0, 0, 1], [0, 1, 0]], (4, 1)).astype(np.float32)


def split(count=8):
    """Returns images, each of a grey that identifies it."""
    greys = np.arange(count, dtype=np.uint8)[:, None, None, None]
    inputs = np.tile(10 * greys, (1, 4, 6, 3))
    return data.Split(inputs, LABELS[:count])


def painter(blue):
    """Returns a generator that paints the target in red and green."""

    def model(inputs, training):
        images, target = inputs
        red = 127 + 16 * target[:, 0] + 32 * target[:, 1]
        green = 127 + 16 * target[:, 2]
        colour = tf.stack([red, green, tf.fill(tf.shape(red), blue)], -1)
        colour = colour[:, tf.newaxis, tf.newaxis] / 127.5 - 1
        return colour + tf.zeros_like(images)

    return model


MODELS = {"teacher": painter(1.0), "student": painter(2.0)}


def cells(image, height=6, width=8):
    """Returns the cells `[rows, columns, height, width, 3]` of a grid."""
    rows, columns = image.shape[0] // height, image.shape[1] // width
    parts = image.reshape(rows, height, columns, width, 3)
    return parts.transpose(0, 2, 1, 3, 4)


def test_a_grid_has_rows_for_images_and_models_and_columns_for_attributes():
    image = image_samples.grid(MODELS, split(), NAMES, HAIR)
    assert image.dtype == np.uint8
    assert image.shape == (6 * 2 * (4 + 2), (1 + 3) * (6 + 2), 3)
    alone = image_samples.grid(
        {"student": MODELS["student"]}, split(), NAMES, HAIR
    )
    assert alone.shape == (6 * (4 + 2), (1 + 3) * (6 + 2), 3)
    few = image_samples.grid(MODELS, split(3), NAMES, HAIR)
    assert few.shape[0] == 3 * 2 * (4 + 2)


def test_each_cell_holds_its_image_with_its_attribute_changed():
    drawn = cells(image_samples.grid(MODELS, split(), NAMES, HAIR))
    for i in range(6):
        black, blond, male = LABELS[i]
        targets = ((1, 0, male), (0, 1, male), (black, blond, 1 - male))
        for j, blue in enumerate((1, 2)):  # The teacher above the student.
            row = drawn[2 * i + j]
            assert np.all(row[0, :4, :6] == 10 * i)
            for cell, (one, two, three) in zip(row[1:], targets, strict=True):
                colour = (127 + 16 * one + 32 * two, 127 + 16 * three, blue)
                assert np.all(cell[:4, :6] == colour)


def test_images_are_separated_by_white():
    drawn = cells(image_samples.grid(MODELS, split(), NAMES, HAIR))
    assert np.all(drawn[:, :, 4:] == 255) and np.all(drawn[:, :, :, 6:] == 255)


def test_a_grid_is_written_as_a_png(tmp_path):
    image = image_samples.grid(MODELS, split(), NAMES, HAIR)
    path = tmp_path / "not" / "yet" / "grid.png"
    for content in (255 - image, image):  # The second replaces the first.
        image_samples.write(path, content)
    with Image.open(path) as written:
        assert (written.format, written.mode) == ("PNG", "RGB")
        np.testing.assert_array_equal(written, image)
    assert [p.name for p in path.parent.iterdir()] == ["grid.png"]
