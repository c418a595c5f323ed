"""Signature of a generator: bytes and targets in, bytes out."""

import numpy as np
import pytest
import seeds
import tensorflow as tf

from lit_tf import errors
from lit_tf.interop import saved_model, signatures
from lit_tf.models import stargan


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A small generator, its SavedModel's folder, and images in bytes."""
    seeds.set_all(0)
    model = stargan.build(
        8,
        input_shape=(8, 8, 3),
        classes=2,
        attributes=("Male", "Young"),
        width=4,
    )
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)
    folder = tmp_path_factory.mktemp("exported") / "saved_model"
    assert saved_model.write(model, folder, images) <= 1
    return model, folder, images


def test_a_generator_takes_and_returns_bytes(exported):
    model, folder, images = exported
    target = np.array([[0, 1], [1, 0], [1, 1], [0, 0], [0, 1]], np.float32)
    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures["serving_default"]
    (output,) = signature(
        images=tf.constant(images), target=tf.constant(target)
    ).values()
    assert output.dtype == tf.uint8
    expected = model((images / np.float32(127.5) - 1, target)).numpy()
    levels = np.clip(np.round((expected + 1) * 127.5), 0, 255)
    assert np.abs(output.numpy() - levels).max() <= 1
    one = loaded.serve(tf.constant(images[:1]), tf.constant(target[:1]))
    np.testing.assert_array_equal(one, output[:1])


def test_examples_are_checked_with_different_targets(exported):
    model, _, images = exported
    inputs, target = saved_model.served(model, images)
    np.testing.assert_array_equal(inputs, images)
    expected = [[0, 0], [1, 0], [0, 1], [1, 1], [0, 0]]
    np.testing.assert_array_equal(target, expected)


def test_the_difference_of_generators_is_the_largest_of_a_byte(exported):
    model, _, images = exported
    signature = signatures.signature_of(model)

    def one_byte_off(inputs, target):
        output = signature.endpoints()["serve"][0](inputs, target).numpy()
        output[3, 1, 2, 0] += 3 if output[3, 1, 2, 0] < 128 else -3
        return tf.constant(output)

    assert signature.difference(one_byte_off, images) == 3.0
    assert signature.tolerance == 1.0


def test_a_generator_whose_savedmodel_differs_is_not_written(
    exported, tmp_path, monkeypatch
):
    model, _, images = exported
    monkeypatch.setattr(
        signatures.GeneratorSignature, "difference", lambda *_: 2.0
    )
    with pytest.raises(errors.DataError, match="Nothing was written"):
        saved_model.write(model, tmp_path / "saved_model", images)
    assert not list(tmp_path.iterdir())
