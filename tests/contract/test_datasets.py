"""The contract of every entry of `DATASETS`."""

import csv
import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from lit_tf import config, data, errors, models
from lit_tf.data import image_tensors

SMALL = {"text_length": 64, "image_size": 8}
# Files of 30 examples, by name. Images: names of the files, and the number of
# classes for each label byte. Texts: the number of classes.
CIFAR10 = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
IMAGES = {
    "cifar10": (CIFAR10, [10]),
    "cifar100": (["train.bin", "test.bin"], [20, 100]),
}
TEXTS = {"amazon_full": 5, "amazon_polarity": 2, "csv": 3}
ATTRIBUTES = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")


def write_images(folder, files, classes):
    random = np.random.default_rng(0)
    for file in files:
        labels = random.integers(0, classes, (30, len(classes)))
        pixels = random.integers(0, 256, (30, 3072))
        table = np.concatenate([labels, pixels], axis=1).astype(np.uint8)
        (folder / file).write_bytes(table.tobytes())


def write_texts(folder, classes):
    for file in ("train.csv", "test.csv"):
        rows = [f'"{i % classes + 1}","No {i}","text"\n' for i in range(30)]
        (folder / file).write_text("".join(rows))


def write_attribute_images(folder, place):
    """Writes 30 images; returns rows of their names and attributes."""
    random = np.random.default_rng(0)
    (folder / place).mkdir()
    rows = []
    for i in range(30):
        pixels = random.integers(0, 256, (20, 18, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / place / f"{i:06}.png")
        rows.append([f"{i:06}.png", *random.integers(0, 2, len(ATTRIBUTES))])
    return rows


def write_celeba(folder):
    lines = [
        " ".join([name, *(f"{2 * value - 1}" for value in values)])
        for name, *values in write_attribute_images(folder, "img_align_celeba")
    ]
    header = ["30", " ".join(ATTRIBUTES)]
    (folder / "list_attr_celeba.txt").write_text("\n".join(header + lines))


def write_image_folder(folder):
    rows = [("file", *ATTRIBUTES), *write_attribute_images(folder, "images")]
    with (folder / "attributes.csv").open("w") as file:
        csv.writer(file).writerows(rows)


def write_image_classes(folder):
    random = np.random.default_rng(0)
    for name in ("ant", "bee", "cat"):
        (folder / name).mkdir()
        for i in range(10):
            pixels = random.integers(0, 256, (20, 18, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")


def write_npz(folder):
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 3))
    np.savez(
        folder / "mine.npz",
        x_train=images.astype(np.uint8),
        y_train=np.arange(30) % 3,
    )


def write_tfrecords(folder):
    random = np.random.default_rng(0)
    with tf.io.TFRecordWriter(str(folder / "train.tfrecord")) as writer:
        for i in range(30):
            pixels = random.integers(0, 256, (20, 18, 3), dtype=np.uint8)
            image = tf.io.encode_png(pixels).numpy()
            writer.write(record(image=[image], label=[i % 3]))


def record(**features):
    """Returns a serialised `tf.train.Example` of bytes and integers."""
    kinds = {
        bytes: lambda v: tf.train.Feature(
            bytes_list=tf.train.BytesList(value=v)
        ),
        int: lambda v: tf.train.Feature(int64_list=tf.train.Int64List(value=v)),
    }
    features = {k: kinds[type(v[0])](v) for k, v in features.items()}
    return tf.train.Example(
        features=tf.train.Features(feature=features)
    ).SerializeToString()


OWN = {
    "image_classes": write_image_classes,
    "npz": write_npz,
    "tfrecords": write_tfrecords,
}
ATTRIBUTE_IMAGES = {"celeba": write_celeba, "image_folder": write_image_folder}


@pytest.fixture(params=sorted(data.DATASETS))
def load(request, tmp_path):
    """A function of settings that loads the dataset from tiny files."""
    if request.param in IMAGES:
        write_images(tmp_path, *IMAGES[request.param])
    elif request.param in TEXTS:
        write_texts(tmp_path, TEXTS[request.param])
    elif request.param in ATTRIBUTE_IMAGES:
        ATTRIBUTE_IMAGES[request.param](tmp_path)
    elif request.param in OWN:
        OWN[request.param](tmp_path)

    def make(**settings):
        chosen = config.Data(dataset=request.param, **SMALL | settings)
        return data.load(chosen, data_dir=str(tmp_path))

    make.name = request.param
    return make


def rows(*splits):
    """Returns the examples of some splits, sorted."""
    return sorted(
        (example.tobytes(), label.tobytes())
        for split in splits
        for example, label in zip(split.inputs, split.labels, strict=True)
    )


def test_a_dataset_has_the_name_of_its_entry(load):
    assert load().name == load.name


def check_labels(split, dataset):
    """Checks that labels have the form of the dataset's task."""
    if dataset.task == "images":
        assert split.labels.dtype == np.float32
        assert split.labels.shape == (len(split), len(dataset.classes))
        assert set(np.unique(split.labels)) == {0, 1}
    else:
        assert split.labels.dtype == np.int32
        assert split.labels.shape == (len(split),)
        assert 0 <= split.labels.min()
        assert split.labels.max() < len(dataset.classes)


def test_inputs_are_bytes_and_labels_have_the_form_of_the_task(load):
    loaded = load()
    for split in (loaded.train, loaded.validation, loaded.test):
        assert split.inputs.dtype == np.uint8
        assert split.inputs.shape == (len(split), *loaded.form["input_shape"])
        check_labels(split, loaded)


def test_noise_has_the_form_of_the_loaded_dataset(load):
    source = data.DATASETS[load.name]
    settings = config.Data(dataset=load.name, **SMALL)
    if not source.classes(settings):
        pytest.skip("its classes are known from its files alone")
    noise, loaded = (
        source.noise(load.name, examples=20, seed=0, settings=settings),
        load(),
    )
    check_labels(noise.train, noise)
    assert noise.train.inputs.shape == (20, *loaded.form["input_shape"])
    for name in ("form", "task", "exclusive", "crop"):
        assert getattr(noise, name) == getattr(loaded, name)


def test_a_model_built_from_the_form_accepts_the_inputs(load):
    loaded = load()
    inputs, labels = loaded.train.inputs[:3], loaded.train.labels[:3]
    shape = (3, len(loaded.classes))
    if loaded.task == "images":  # The outputs are images.
        inputs, shape = (
            (image_tensors.unit(inputs).numpy(), labels),
            inputs.shape,
        )
    families = [
        family
        for family in models.MODELS.values()
        if set(family.stem_arguments) == loaded.stem.keys()
    ]
    assert families
    for family in families:
        model = models.get(family.names[0])(**loaded.form)
        outputs = model(inputs, training=False).numpy()
        assert outputs.shape == shape
        assert np.isfinite(outputs).all()


def test_the_form_is_known_before_loading(load):
    source = data.DATASETS[load.name]
    settings = config.Data(dataset=load.name, **SMALL)
    if not source.classes(settings):
        with pytest.raises(errors.SettingsError, match="only the files name"):
            source.form(settings)
    else:
        assert source.form(settings) == load().form


def test_validation_examples_are_split_off_the_training_examples(load):
    whole = load(validation_fraction=0)
    split = load(validation_fraction=0.2)
    assert rows(split.train, split.validation) == rows(whole.train)
    assert len(split.validation) == round(0.2 * len(whole.train))


def test_without_a_validation_fraction_there_is_no_validation_split(load):
    assert load(validation_fraction=0).validation is None


def test_the_split_seed_decides_the_validation_examples(load):
    one, again, other = (load(split_seed=seed) for seed in (1, 1, 2))
    assert one.fingerprint == again.fingerprint != other.fingerprint
    assert rows(one.validation) != rows(other.validation)


def test_the_test_split_does_not_depend_on_the_validation_split(load):
    tests = [
        load(validation_fraction=fraction, split_seed=seed).test
        for fraction, seed in ((0, 0), (0.3, 0), (0.3, 1))
    ]
    for test in tests[1:]:
        np.testing.assert_array_equal(test.inputs, tests[0].inputs)
        np.testing.assert_array_equal(test.labels, tests[0].labels)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_the_fingerprint_changes_with_a_single_byte(load, part):
    loaded = load()
    split = getattr(loaded, part)
    inputs = np.array(split.inputs[:])
    copied = {part: dataclasses.replace(split, inputs=inputs.copy())}
    copied = dataclasses.replace(loaded, **copied)
    assert copied.fingerprint == loaded.fingerprint
    inputs.flat[-1] ^= 1
    changed = {part: dataclasses.replace(split, inputs=inputs)}
    changed = dataclasses.replace(loaded, **changed)
    assert changed.fingerprint != loaded.fingerprint


def test_the_message_for_an_unknown_dataset_names_the_nearest():
    with pytest.raises(ValueError, match="Unknown dataset 'digts'.*digits.$"):
        data.load(config.Data(dataset="digts"))
