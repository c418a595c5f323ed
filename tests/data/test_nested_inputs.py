"""Examples of several inputs: dictionaries and tuples of arrays."""

import re

import numpy as np
import pytest
import several_inputs
import tensorflow as tf
from own_files import load

from lit_tf import data, errors
from lit_tf.data import batches, crops
from lit_tf.data.dataset import Split


def save(folder, **changed):
    """Writes an .npz file of several inputs; None leaves an array out."""
    arrays = {}
    for part, count in (("train", 9), ("test", 6)):
        inputs, labels = several_inputs.examples(count)
        arrays |= {f"{name}_{part}": array for name, array in inputs.items()}
        arrays[f"y_{part}"] = labels
    arrays |= changed
    kept = {k: array for k, array in arrays.items() if array is not None}
    np.savez(folder / "mine.npz", **kept)
    return kept


def test_an_npz_file_of_several_inputs_is_a_dictionary(tmp_path):
    arrays = save(tmp_path)
    loaded = load(tmp_path, inputs=several_inputs.NAMES)
    assert loaded.form["input_shape"] == {"image": (4, 4, 1), "metadata": (2,)}
    for name in several_inputs.NAMES:
        expected = arrays[f"{name}_test"]
        np.testing.assert_array_equal(loaded.test.inputs[name], expected)
    part = loaded.train.take(np.array([4, 2]))
    expected = arrays["metadata_train"][[4, 2]]
    np.testing.assert_array_equal(part.inputs["metadata"], expected)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"metadata_test": None}, "must hold metadata_test. Received: image_"),
        ({"metadata_train": np.zeros((8, 2))}, "8 of metadata_train, 9 of y_"),
        ({"metadata_test": np.zeros((6, 3))}, "metadata in .* one shape"),
        ({"image_test": np.full((6, 4, 4, 1), np.nan)}, "image_test .* finite"),
        ({"image_test": np.full((6, 2), "a")}, "image_test of .* real numbers"),
    ],
)
def test_an_invalid_input_is_refused_by_its_name(tmp_path, changed, message):
    save(tmp_path, **changed)
    with pytest.raises(errors.DataError, match=message):
        load(tmp_path, inputs=several_inputs.NAMES)


def test_unnamed_inputs_are_refused_with_the_flag_that_names_them(tmp_path):
    save(tmp_path)
    with pytest.raises(errors.DataError, match="--inputs=image,metadata"):
        load(tmp_path)


def test_a_split_has_one_example_for_each_label():
    inputs, labels = several_inputs.examples(4)
    message = "metadata must have .* Received: 3 examples and 4 labels"
    with pytest.raises(errors.DataError, match=message):
        Split(inputs | {"metadata": inputs["metadata"][:3]}, labels)


def test_dictionaries_of_tensors_are_collected():
    inputs, labels = several_inputs.examples(12)
    stream = tf.data.Dataset.from_tensor_slices((inputs, labels))
    loaded = data.collected(stream.take(6), stream.skip(6))
    np.testing.assert_array_equal(
        loaded.test.inputs["image"], inputs["image"][6:]
    )
    other = tf.data.Dataset.from_tensor_slices(
        ({"image": inputs["image"]}, labels)
    )
    with pytest.raises(errors.DataError, match="metadata in all splits"):
        data.collected(stream, other)


def test_the_fingerprint_depends_on_names_and_values():
    inputs, labels = several_inputs.examples(6)

    def fingerprint(inputs):
        split = Split(inputs, labels)
        loaded = data.Dataset(
            name="own",
            train=split,
            test=split,
            classes=("a", "b", "c"),
            stem={},
            crop=crops.Crop(),
        )
        return loaded.fingerprint

    first = fingerprint(inputs)
    assert first == fingerprint(dict(reversed(inputs.items())))
    # The same bytes in the same order.
    assert first != fingerprint({"a": inputs["image"], "b": inputs["metadata"]})
    assert first != fingerprint(inputs | {"metadata": inputs["metadata"] + 1})
    # As in version 0.1, which had one array.
    assert fingerprint(inputs["image"]) == "05c8e977cb904586"


@pytest.mark.parametrize("nested", [dict, tuple, list])
def test_images_alone_are_augmented_and_examples_stay_together(nested):
    inputs, _ = several_inputs.examples(10)
    inputs["again"] = np.repeat(inputs["image"], 2, axis=3)
    inputs["number"] = np.arange(10)
    names = list(inputs)
    given = inputs if nested is dict else nested(inputs.values())
    split = Split(given, np.arange(10, dtype=np.int32))
    for x, y in batches.training(
        split, batch_size=5, epochs=1, seed=0, crop=crops.Crop(pad=1)
    ):
        assert isinstance(x, dict if nested is dict else tuple)
        x = x if nested is dict else dict(zip(names, x, strict=True))
        np.testing.assert_array_equal(x["number"], y)
        np.testing.assert_array_equal(
            x["metadata"], inputs["metadata"][y.numpy()]
        )
        # Both images of an example are shifted alike.
        np.testing.assert_array_equal(x["again"][..., :1], x["image"])
        assert np.any(x["image"].numpy() != inputs["image"][y.numpy()])


def test_padding_needs_an_image_among_the_inputs(tmp_path):
    save(tmp_path)
    assert load(tmp_path, inputs=several_inputs.NAMES, pad=2).crop.pad == 2
    with pytest.raises(errors.SettingsError, match=re.escape("`pad`")):
        load(tmp_path, inputs=("metadata",), pad=2)


def records(path, count, *, names=several_inputs.NAMES, length=2):
    """Writes a TFRecord file of examples; images are encoded."""
    inputs, labels = several_inputs.examples(count)
    features = tf.train.Features
    with tf.io.TFRecordWriter(str(path)) as writer:
        for image, numbers, label in zip(*inputs.values(), labels, strict=True):
            png = tf.io.encode_png(image).numpy()
            values = {
                "image": tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[png])
                ),
                "metadata": tf.train.Feature(
                    float_list=tf.train.FloatList(value=numbers[:length])
                ),
                "ids": tf.train.Feature(
                    int64_list=tf.train.Int64List(value=[label, 7, 0])
                ),
            }
            values = {name: values[name] for name in names}
            values["label"] = tf.train.Feature(
                int64_list=tf.train.Int64List(value=[label])
            )
            example = tf.train.Example(features=features(feature=values))
            writer.write(example.SerializeToString())
    return inputs, labels


def test_tfrecords_of_an_image_and_numbers_are_a_dictionary(tmp_path):
    inputs, _ = records(tmp_path / "train.tfrecord", 20)
    records(tmp_path / "test.tfrecord", 3)
    settings = {"image_size": 4, "image_channels": 1}
    loaded = load(tmp_path, inputs=several_inputs.NAMES, **settings)
    assert (len(loaded.train), len(loaded.test)) == (20, 3)
    for name, array in inputs.items():
        np.testing.assert_array_equal(loaded.train.inputs[name][:], array)
    # Without names, an image alone, as in version 0.1.
    assert load(tmp_path, **settings).train.inputs.shape == (20, 4, 4, 1)


def test_tfrecords_of_numbers_alone_are_a_dictionary(tmp_path):
    names = ("ids", "metadata")
    _, labels = records(tmp_path / "train.tfrecord", 20, names=names)
    loaded = load(tmp_path, inputs=names)
    assert loaded.train.inputs["ids"].dtype == np.int32
    assert loaded.form["input_shape"] == {"ids": (3,), "metadata": (2,)}
    np.testing.assert_array_equal(
        loaded.train.inputs["ids"][:, 0], loaded.train.labels
    )
    assert len(loaded.train) + len(loaded.test) == len(labels)


def test_numbers_of_tfrecords_do_not_wrap(tmp_path):
    features = {
        name: tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        for name, value in {"label": 0, "ids": 2**40 + 5}.items()
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    with tf.io.TFRecordWriter(str(tmp_path / "train.tfrecord")) as writer:
        for _ in range(20):
            writer.write(example.SerializeToString())
    with pytest.raises(errors.DataError, match="32 bits. Received: 109951162"):
        load(tmp_path, inputs=("ids",))


def test_invalid_tfrecords_of_several_inputs_are_refused(tmp_path):
    records(tmp_path / "train-0.tfrecord", 9)
    with pytest.raises(errors.DataError, match="feature 'ids'. Received: imag"):
        load(tmp_path, inputs=("image", "ids"))
    records(tmp_path / "train-1.tfrecord", 9, length=1)
    with pytest.raises(errors.DataError, match="train-1.* as many numbers as"):
        load(tmp_path, inputs=several_inputs.NAMES)
    (tmp_path / "train-0.tfrecord").write_bytes(b"")
    with pytest.raises(errors.DataError, match="train-0.*file is empty"):
        load(tmp_path, inputs=several_inputs.NAMES)
