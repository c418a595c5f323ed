"""The blocks of Python in README and in the documentation run."""

import dataclasses
import shutil

import keras
import numpy as np
import pages
import pytest
import seeds
import tensorflow as tf

import lit_tf
from lit_tf import config, data, models
from lit_tf.config import method_table, own_model
from lit_tf.data import characters
from lit_tf.interop import saved_model
from lit_tf.sections import model_files

# Python blocks that are compiled but not run, by their first words, and why.
COMPILED = {
    "from lit_tf import config, data, experiment": "It trains for 300 epochs; "
    "tests/test_examples.py runs examples/tf_data.py, which does the same.",
}
# Blocks that train as others of the documentation do. The default run compiles
# them.
SLOW = (
    "import lit_tf\nfrom lit_tf import config, data, models",
    "import keras\nimport numpy as np\n\nimport lit_tf\n\n# An encoder of 6",
)


def _unique(blocks):
    """Yields one of equal blocks of Python, named by its first page."""
    first = {}
    for page, text in blocks:
        first.setdefault(text, page)
    for number, (text, page) in enumerate(first.items()):
        yield pytest.param(
            text,
            id=f"{page.stem}-{number}",
            marks=[pytest.mark.slow] if text.startswith(SLOW) else [],
        )


PYTHON = list(_unique(pages.blocks("python")))


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """The folder of a reader who has run what comes before the blocks."""
    place = tmp_path_factory.mktemp("reader")
    runs = place / "runs"
    digits = data.load(config.Data(dataset="digits"))
    network = models.get("resnet8")(**digits.form)
    teacher = runs / "quickstart" / "teacher" / "teacher.keras"
    teacher.parent.mkdir(parents=True)
    model_files.save(network, teacher)
    images = digits.train.inputs[:2]
    saved_model.write(network, runs / "quickstart" / "saved_model", images)

    reviews = models.get("vdcnn9", width=4)(
        input_shape=(64,), classes=2, alphabet=characters.ALPHABET
    )
    codes = np.zeros((2, 64), np.float32)
    saved_model.write(reviews, runs / "reviews_cpu" / "saved_model", codes)

    attributes = ("Trouser", "Dress", "Coat", "Dark")
    generator = models.get("stargan10", width=4)(
        input_shape=(32, 32, 3), classes=4, attributes=attributes
    )
    pixels = np.zeros((2, 32, 32, 3), np.uint8)
    saved_model.write(generator, runs / "fashion_cpu" / "saved_model", pixels)

    _own_model().save(place / "my_model.keras")
    random = np.random.default_rng(0)
    np.savez(
        place / "my_images.npz",
        x_train=random.integers(0, 256, (8, 8, 8, 3), np.uint8),
        y_train=random.integers(0, 3, 8),
        x_test=random.integers(0, 256, (8, 8, 8, 3), np.uint8),
        y_test=random.integers(0, 3, 8),
    )
    return place


def _own_model():
    inputs = x = keras.Input((8, 8, 3))
    for filters in (4, 4, 4, 4, 8, 8, 8):
        strides = 1 if x.shape[-1] in (3, filters) else 2
        x = keras.layers.Conv2D(filters, 3, strides, padding="same")(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(3, activation="softmax")(x)
    return keras.Model(inputs, x)


def _two_answers(seed):
    """Returns a model of two sections, with a class and a number as output."""
    seeds.set_all(seed)
    inputs = keras.Input((4,))
    x = keras.layers.Dense(6, name="stem")(inputs)
    for name in ("one", "two"):
        x = keras.layers.Dense(6, activation="tanh", name=name)(x)
    heads = {"animal": 3, "age": 1}
    heads = {n: keras.layers.Dense(k, name=n)(x) for n, k in heads.items()}
    return lit_tf.split(keras.Model(inputs, heads), ["stem", "one", "two"])


def _names_that_the_text_assumes():
    """Returns the values of names that a page explains in words."""
    return {
        "my_model": keras.Sequential(
            [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
        ),
        "teacher": _two_answers(0),
        "student": _two_answers(1),
        "images": np.ones((4, 4), "float32"),
        "animals": np.zeros(4, "int32"),
        "ages": np.ones((4, 1), "float32"),
    }


@pytest.mark.parametrize("block", PYTHON)
def test_every_block_of_python_runs_or_at_least_compiles(
    block, reader, request, monkeypatch, tmp_path
):
    code = compile(block, "block", "exec")
    if block.startswith(tuple(COMPILED)):
        return
    # Other tests trace the steps of every method.
    tf.config.run_functions_eagerly(True)
    request.addfinalizer(lambda: tf.config.run_functions_eagerly(False))
    # Few examples and a single epoch, in place of those of the text.
    full = data.load(config.Data(dataset="digits"))
    few = {
        name: getattr(full, name).take(np.arange(8))
        for name in ("train", "validation", "test")
    }
    small = dataclasses.replace(full, **few)
    monkeypatch.setattr(data, "load", lambda _: small)
    monkeypatch.setattr(own_model, "EPOCHS", 2)  # One in each phase.
    fit = keras.Model.fit

    def short(*args, **settings):
        epochs = settings.get("initial_epoch", 0) + 1
        return fit(*args, **settings | {"epochs": epochs})

    monkeypatch.setattr(keras.Model, "fit", short)
    # A block registers a method, which other tests must not see.
    methods = dict(method_table._TABLE)
    monkeypatch.setattr(method_table, "_TABLE", methods)
    folder = shutil.copytree(reader, tmp_path / "reader")
    monkeypatch.chdir(folder)
    exec(code, _names_that_the_text_assumes())


def test_a_block_that_is_only_compiled_is_still_there():
    texts = [text for _, text in pages.blocks("python")]
    for text in texts:
        compile(text, "block", "exec")
    for start in (*COMPILED, *SLOW):
        assert any(text.startswith(start) for text in texts), start
