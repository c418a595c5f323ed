"""A generator as it is served: bytes and a target in, bytes out."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lit_tf import errors
from lit_tf.interop import saved_model, signatures
from lit_tf.models import stargan


@pytest.fixture(scope="module")
def painting(tmp_path_factory):
    """A small generator, its folder, and pictures of bytes."""
    keras.utils.set_random_seed(0)
    model = stargan.build(
        8,
        input_shape=(8, 8, 3),
        classes=2,
        attributes=("Male", "Young"),
        width=4,
    )
    pictures = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)
    folder = tmp_path_factory.mktemp("exported") / "saved_model"
    assert saved_model.write(model, folder, pictures) <= 1
    return model, folder, pictures


def test_a_generator_is_served_bytes_and_answers_bytes(painting):
    model, folder, pictures = painting
    target = np.array([[0, 1], [1, 0], [1, 1], [0, 0], [0, 1]], np.float32)
    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures["serving_default"]
    (made,) = signature(
        images=tf.constant(pictures), target=tf.constant(target)
    ).values()
    assert made.dtype == tf.uint8
    answers = model((pictures / np.float32(127.5) - 1, target)).numpy()
    levels = np.clip(np.round((answers + 1) * 127.5), 0, 255)
    assert np.abs(made.numpy() - levels).max() <= 1
    one = loaded.serve(tf.constant(pictures[:1]), tf.constant(target[:1]))
    np.testing.assert_array_equal(one, made[:1])


def test_pictures_are_checked_with_other_targets_each(painting):
    model, _, pictures = painting
    images, target = saved_model.served(model, pictures)
    np.testing.assert_array_equal(images, pictures)
    wanted = [[0, 0], [1, 0], [0, 1], [1, 1], [0, 0]]
    np.testing.assert_array_equal(target, wanted)


def test_a_generators_gap_is_the_largest_of_a_byte(painting):
    model, _, pictures = painting
    front = signatures.of(model)

    def speckled(images, target):
        made = front.endpoints()["serve"][0](images, target).numpy()
        made[3, 1, 2, 0] += 3 if made[3, 1, 2, 0] < 128 else -3
        return tf.constant(made)

    assert front.gap(speckled, pictures) == 3.0
    assert front.tolerance == 1.0


def test_a_generator_that_is_served_otherwise_is_not_written(
    painting, tmp_path, monkeypatch
):
    model, _, pictures = painting
    monkeypatch.setattr(signatures.Pictures, "gap", lambda *_: 2.0)
    with pytest.raises(errors.DataError, match="Nothing was written"):
        saved_model.write(model, tmp_path / "saved_model", pictures)
    assert not list(tmp_path.iterdir())
