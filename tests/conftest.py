"""Shared fixtures: two logical CPUs, quiet TensorFlow, tiny models."""

import gc
import os
import pathlib
import re
import types

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import eager
import forked
import keras
import numpy as np
import pytest
import seeds
import small
import tensorflow as tf
from PIL import Image

from lit_tf import config, models
from lit_tf.data import characters
from lit_tf.experiment import planned_epochs, step_time
from lit_tf.sections.sectioned_model import SectionedModel

pytest_plugins = ["differences"]

# Before TensorFlow starts: a second replica on any machine.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)


@pytest.fixture(scope="session", autouse=True)
def _cache_folder(tmp_path_factory):
    """Keeps decoded images and encoded texts out of the user's cache."""
    fonts = pathlib.Path("~/.cache/matplotlib").expanduser()
    with pytest.MonkeyPatch.context() as patch:
        if "MPLCONFIGDIR" not in os.environ and fonts.is_dir():
            patch.setenv("MPLCONFIGDIR", str(fonts))  # Slow to make.
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


# The form of a small dataset of each kind.
IMAGES = {
    "input_shape": (8, 8, 3),
    "classes": 5,
    "mean": (120.0, 125.0, 130.0),
    "std": (60.0, 62.0, 64.0),
}
TEXTS = {
    "input_shape": (64,),
    "classes": 5,
    "alphabet": characters.ALPHABET,
}
TRANSLATED_IMAGES = {
    "input_shape": (8, 8, 3),
    "classes": 3,
    "attributes": ("Black_Hair", "Male", "Young"),
}


def _numbers(below):
    """Returns a function that makes raw inputs of integers below a bound."""
    return lambda random, size, form: random.integers(
        0, below, (size, *form["input_shape"])
    ).astype(np.float32)


def _translations(random, size, form):
    """Makes images in [−1, 1] and target attributes."""
    images = random.uniform(-1, 1, (size, *form["input_shape"]))
    target = random.integers(0, 2, (size, form["classes"]))
    return images.astype(np.float32), target.astype(np.float32)


# By the arguments of a family's stem: a dataset's form, and a function that
# makes raw inputs of that form.
FORMS = {
    ("mean", "std"): (IMAGES, _numbers(256)),
    ("alphabet",): (TEXTS, _numbers(69)),
    ("attributes",): (TRANSLATED_IMAGES, _translations),
}


def _form(name):
    family = re.match("[a-z]+", name)[0]
    return FORMS[models.MODELS[family].stem_arguments]


@pytest.fixture(scope="session")
def build():
    """A function: architecture → a tiny model with seeded weights."""

    def make(name="resnet8", seed=0, **form):
        seeds.set_all(seed)
        form = _form(name)[0] | form
        if "attributes" in form:
            form["attributes"] = tuple(map(str, range(form["classes"])))
        return models.get(name)(**form)

    return make


@pytest.fixture(scope="session")
def batch():
    """A function: size → raw inputs and labels that fit `build`'s models."""

    def make(size=8, seed=0, name="resnet8"):
        form, make = _form(name)
        random = np.random.default_rng(seed)
        inputs = make(random, size, form)
        labels = random.integers(0, form["classes"], size)
        return inputs, labels.astype(np.int32)

    return make


@pytest.fixture(scope="session")
def dense():
    """A function: seed → a model of two sections, 4 → 6 → 6 → 6 → 3.

    It has no BatchNorm. Its sections take the settings of `Dense`.
    """

    def part(name, inputs, outputs, **settings):
        x = keras.Input((inputs,), name="x")
        y = keras.layers.Dense(outputs, name="dense", **settings)(x)
        return keras.Model(x, y, name=name)

    def make(seed, **section):
        seeds.set_all(seed)
        section = {"activation": "tanh"} | section
        return SectionedModel(
            part("stem", 4, 6),
            [part(f"section_{k}", 6, 6, **section) for k in (1, 2)],
            part("head", 6, 3, dtype="float32"),
        )

    return make


@pytest.fixture(scope="session")
def vectors():
    """A function: size → inputs and labels that fit `dense`'s models."""

    def make(size=4):
        random = np.random.default_rng(0)
        x = random.normal(size=(size, 4)).astype("float32")
        return x, random.integers(0, 3, size).astype("int32")

    return make


@pytest.fixture(scope="session")
def server():
    """A process that starts commands without importing TensorFlow again."""
    server = forked.Server()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def small_family():
    """Makes the architecture "small" known to a module of tests."""
    with pytest.MonkeyPatch.context() as patch:
        small.register(patch.setitem)
        yield


@pytest.fixture(scope="module")
def eager_steps():
    """Lets the runs of a module take their few steps without tracing them."""
    with eager.steps():
        yield


@pytest.fixture
def without_costs(monkeypatch):
    """Lets runs end without SavedModels, latency, curves and FLOPs."""
    small.skip_costs(monkeypatch.setattr)


@pytest.fixture
def unmeasured(monkeypatch):
    """Replaces the steps that a dry run measures with constants."""
    results = {"epochs": 1, "steps": 1, "step_seconds": 1.0}
    results |= {"batch_size": 1, "seconds": 1.0}
    monkeypatch.setattr(step_time, "measure", lambda *args: results)


@pytest.fixture(scope="session")
def one_epoch():
    """A function: batch size → a phase of one epoch."""

    def make(batch_size):
        return config.Phase(
            epochs=1,
            batch_size=batch_size,
            learning_rate=0.01,
            weight_decay=0.0,
            milestones=(),
        )

    return make


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory):
    """A folder of 40 images and their attributes; 32 are training images."""
    folder = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(0)
    rows = [("file", *TRANSLATED_IMAGES["attributes"])]
    for i in range(40):
        pixels = random.integers(
            0, 256, TRANSLATED_IMAGES["input_shape"], np.uint8
        )
        Image.fromarray(pixels).save(folder / f"{i}.png")
        rows.append((f"{i}.png", *random.integers(0, 2, len(rows[0]) - 1)))
    lines = (",".join(map(str, row)) for row in rows)
    (folder / "attributes.csv").write_text("\n".join(lines))
    return folder


# The files that take the longest. They run before the others, so that a long
# file does not start last.
LONG_FILES = (
    "training/test_multi_worker.py",
    "training/test_replicas.py",
    "experiment/test_run.py",
    "compatibility/test_v0_1.py",
    "methods/test_method_runs.py",
    "experiment/test_images_run.py",
    "benchmark/test_benchmark.py",
    "experiment/test_images_trained.py",
    "training/test_resume.py",
    "commands/test_commands.py",
)


def pytest_collection_modifyitems(items):
    tests = pathlib.Path(__file__).parent

    def position(item):
        name = item.path.relative_to(tests).as_posix()
        is_long = name in LONG_FILES
        return LONG_FILES.index(name) if is_long else len(LONG_FILES)

    items.sort(key=position)


def pytest_collection_finish(session):
    """Keeps the garbage collector from searching all objects of TensorFlow.

    Its search took a tenth of the processor time of the tests.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


@pytest.fixture
def measured_seconds(monkeypatch):
    """An epoch of each phase takes a second, and compiling half of one."""
    measured = {"epoch_seconds": 1.0, "compile_seconds": 0.5}
    monkeypatch.setattr(step_time, "measure", lambda *_: measured)
    stopped = types.SimpleNamespace(monotonic=lambda: 0.0)
    monkeypatch.setattr(planned_epochs, "time", stopped)
