"""The user's own TFRecords."""

import gzip
import os

import numpy as np
import pytest
import tensorflow as tf
from own_files import load, refused


def records(path, images, labels):
    """Writes a TFRecord file of encoded images and their labels."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for image, label in zip(images, labels, strict=True):
            features = {
                "image": tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[image])
                ),
                "label": tf.train.Feature(
                    int64_list=tf.train.Int64List(value=[label])
                ),
            }
            example = tf.train.Example(
                features=tf.train.Features(feature=features)
            )
            writer.write(example.SerializeToString())


def encoded(count, seed=0):
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return pixels, [tf.io.encode_png(image).numpy() for image in pixels]


def test_tfrecords_of_images_and_labels_are_read(tmp_path):
    pixels, images = encoded(6)
    records(tmp_path / "train-0.tfrecord", images[:3], [0, 1, 0])
    records(tmp_path / "train-1.tfrecord", images[3:4], [1])
    records(tmp_path / "test.tfrecord", images[4:], [1, 0])
    (tmp_path / "classes.txt").write_text("ant\nbee\n")
    loaded = load(tmp_path)
    assert loaded.name == "tfrecords" and loaded.classes == ("ant", "bee")
    np.testing.assert_array_equal(loaded.train.inputs[:], pixels[:4])
    assert list(loaded.train.labels) == [0, 1, 0, 1]
    assert list(loaded.test.labels) == [1, 0]


def test_invalid_tfrecords_are_refused(tmp_path):
    _, images = encoded(20)
    for name in ("labels", "names", "broken", "other", "cut"):
        (tmp_path / name).mkdir()
    records(tmp_path / "labels" / "train.tfrecord", images, [-1] * 20)
    refused(tmp_path / "labels", "whole number from 0. Received: -1")
    path = tmp_path / "names"
    records(path / "train.tfrecord", images, [0, 1, 2, 3] * 5)
    (path / "classes.txt").write_text("ant\n")
    refused(path, "1 names, and label 3")
    path = tmp_path / "broken"
    records(
        path / "train.tfrecord", [b"not an image", *images[1:]], [0, 1] * 10
    )
    refused(path, "train.tfrecord, record 1 ")
    with tf.io.TFRecordWriter(str(tmp_path / "other/train.tfrecord")) as file:
        file.write(b"something else")
    refused(tmp_path / "other", "A record must be a tf.train.Example")
    path = tmp_path / "cut" / "train.tfrecord"
    records(path, images, [0, 1] * 10)
    path.write_bytes(path.read_bytes()[:500])
    refused(tmp_path / "cut", "train.tfrecord, near record")


@pytest.mark.parametrize("suffix", [".gz", ""])
def test_tfrecords_may_be_compressed(tmp_path, suffix):
    pixels, images = encoded(12)
    records(tmp_path / "plain", images, [0, 1] * 6)
    packed = gzip.compress((tmp_path / "plain").read_bytes())
    (tmp_path / "plain").unlink()
    (tmp_path / f"train.tfrecord{suffix}").write_bytes(packed)
    loaded = load(tmp_path)
    both = np.concatenate([loaded.train.inputs[:], loaded.test.inputs[:]])
    assert sorted(x.tobytes() for x in both) == sorted(
        x.tobytes() for x in pixels
    )


def test_files_next_to_tfrecords_are_not_records(tmp_path):
    pixels, images = encoded(12)
    records(tmp_path / "train.tfrecord", images, [0, 1] * 6)
    before = load(tmp_path).fingerprint
    for name in (
        *(
            "train.tfrecord.idx",
            "train.tfrecord.idx.gz",
            "train.tfrecords.json",
        ),
        *("._train.tfrecord", "notes.tfrecord"),
    ):
        (tmp_path / name).write_text("0 166")
    assert load(tmp_path).fingerprint == before
    (tmp_path / "train-1.tfrecord.zst").write_text("x")
    refused(tmp_path, "Received: .zst. Unpack it first")


def test_validation_tfrecords_are_the_validation_split(tmp_path):
    pixels, images = encoded(12)
    records(tmp_path / "Train.tfrecord", images[:8], [0, 1] * 4)
    records(tmp_path / "Val-00000-of-00001.tfrecord", images[8:], [1, 1, 0, 0])
    loaded = load(tmp_path, validation_fraction=0.1)
    assert (len(loaded.train), len(loaded.test)) == (7, 1)
    np.testing.assert_array_equal(loaded.validation.inputs[:], pixels[8:])
    assert list(loaded.validation.labels) == [1, 1, 0, 0]


def test_labels_of_tfrecords_that_are_no_classes_are_refused(tmp_path):
    _, images = encoded(4)
    records(tmp_path / "train.tfrecord", images, [0, 1, 2**40, 1])
    refused(tmp_path, "up to 1,099,511,627,776 of 4 examples.*outputs.Values")


def test_names_of_tfrecords_need_not_be_utf8(tmp_path):
    _, images = encoded(12)
    path = tmp_path / os.fsdecode(b"train-\xe9.tfrecord")
    records(tmp_path / "x", images, [0, 1] * 6)
    (tmp_path / "x").rename(path)
    assert len(load(tmp_path).train) == 11
    records(tmp_path / "x", [b"no image", *images[1:]], [0, 1] * 6)
    (tmp_path / "x").rename(path)
    refused(tmp_path, r"train-\\xe9.tfrecord, record 1 ")
