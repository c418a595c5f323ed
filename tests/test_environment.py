"""The user's environment does not change what is computed and printed."""

import contextlib
import importlib
import json
import os
import subprocess
import sys
import types

import keras
import numpy as np
import pytest
import seeds
import slow

import lit_tf
from lit_tf import data, models
from lit_tf.models import stargan
from lit_tf.utils import backend

FAMILIES = ("resnet8", "resnext8", "vdcnn9", "stargan8")


@contextlib.contextmanager
def channels_first():
    keras.config.set_image_data_format("channels_first")
    try:
        yield
    finally:
        keras.config.set_image_data_format("channels_last")


@contextlib.contextmanager
def float64():
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


@contextlib.contextmanager
def half_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


SETTINGS = {one.__name__: one for one in (channels_first, float64)}


@pytest.fixture(scope="module")
def built(build, batch):
    """A function: → the outputs of a model of each family."""

    def make():
        outputs = {}
        for name in FAMILIES:
            inputs, _ = batch(2, name=name)
            outputs[name] = build(name)(inputs, training=False)
        seeds.set_all(0)
        discriminator = stargan.discriminator(
            input_shape=(8, 8, 3), classes=3, width=4, depth=2
        )
        images, _ = batch(2, name="stargan8")[0]
        outputs["discriminator"] = discriminator(images)[0]
        return {name: output.numpy() for name, output in outputs.items()}

    return make


@pytest.fixture(scope="module")
def usual(built):
    return built()


@pytest.mark.parametrize("setting", slow.all_but(["channels_first"], SETTINGS))
def test_a_global_setting_of_keras_changes_no_model(setting, built, usual):
    with SETTINGS[setting]():
        outputs = built()
    for name, output in outputs.items():
        assert output.dtype == np.float32
        np.testing.assert_array_equal(output, usual[name], name)


def test_a_global_policy_applies_to_new_models_and_their_variables_stay_float32(
    build,
):
    with half_precision():
        model = build()
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert model.get_layer("section_1").layers[1].compute_dtype == "bfloat16"
    assert {v.dtype for v in model.variables} == {"float32"}


def test_a_global_setting_of_keras_changes_no_training(dense, vectors, close):
    x, y = vectors(8)

    def train(pair):
        trainer = lit_tf.LIT(*pair)
        trainer.compile(lit_tf.SGD(0.1, momentum=0.9))
        results = trainer.fit(x, y, shuffle=False, verbose=0).history
        # Half precision would round such large values by 0.4 %.
        return results, trainer.predict(1000 * x, verbose=0)

    pair = dense(0), dense(1)
    metrics, outputs = train((dense(0), dense(1)))
    with float64(), half_precision():
        again, predicted = train(pair)
    np.testing.assert_array_equal(predicted, outputs)
    close(list(again.values()), list(metrics.values()), 1e-6)


def test_keras_on_another_backend_is_refused(monkeypatch):
    other = types.SimpleNamespace(
        config=types.SimpleNamespace(backend=lambda: "torch")
    )
    monkeypatch.setitem(sys.modules, "keras", other)
    with pytest.raises(ImportError, match="Received: Keras on torch.") as error:
        backend.check(imports=False)
    assert "KERAS_BACKEND=tensorflow" in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(ImportError, match="Received: Keras on torch."):
        importlib.reload(lit_tf)
    with pytest.raises(ImportError, match="Received: Keras on torch."):
        lit_tf.LIT  # noqa: B018


def test_a_backend_that_is_not_installed_is_named(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError("No module named 'jax'", name="jax")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match="Keras on jax, which is not inst"):
        backend.check(imports=True)


def test_an_import_of_keras_that_has_not_ended_is_not_checked(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", types.ModuleType("keras"))
    backend.check(imports=True)


# A command that needs no TensorFlow; `work` is its body.
COMMAND = """
import os, sys
from lit_tf.launch import command

def main(line, arguments):
    {work}

command.run(main, "lit-report")
"""
PRINT = "print('teacher → student', flush=True)"


def run(work, cwd, **options):
    return subprocess.run(
        [sys.executable, "-c", COMMAND.format(work=work), "runs"],
        cwd=cwd,
        capture_output=not {"stdout", "preexec_fn"} & options.keys(),
        **options,
    )


def test_a_character_that_the_terminal_lacks_is_replaced(tmp_path):
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = run(PRINT, tmp_path, env=ascii_only)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"teacher ? student\n"
    done = run(
        "raise OSError(28, 'No space', 'Größe')", tmp_path, env=ascii_only
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"lit-report: No space: Gr??e.\n"


def test_without_standard_streams_nothing_is_printed_into_files(tmp_path):
    def close():
        for number in range(3):
            os.close(number)

    work = """
    print('printed')
    os.write(1, b'1'), os.write(2, b'2')
    with open('file', 'w') as file:
        assert file.fileno() > 2
        file.write('own')
        os.write(1, b'1'), os.write(2, b'2')"""
    done = run(work, tmp_path, preexec_fn=close)
    assert done.returncode == 0
    assert (tmp_path / "file").read_text() == "own"


@pytest.mark.parametrize("flush", [True, False])
def test_a_reader_that_ends_gets_one_sentence(flush, tmp_path):
    read, written = os.pipe()
    os.close(read)
    done = run(
        f"print('x', flush={flush})",
        tmp_path,
        stdout=written,
        stderr=subprocess.PIPE,
    )
    os.close(written)
    assert done.returncode == 1
    assert done.stderr == (
        b"lit-report: the program that reads the output has ended.\n"
    )


def test_a_full_disk_behind_the_output_gets_one_sentence(tmp_path):
    with open("/dev/full", "w") as full:
        done = run(PRINT, tmp_path, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == b"lit-report: No space left on device.\n"


def test_a_command_ignores_another_backend_and_an_old_locale(tmp_path):
    """One process with everything, because TensorFlow takes long to start."""
    place = tmp_path / ("a folder with spaces and ümlauts " * 3) / "日本"
    keras_home = place / "home" / ".keras"
    keras_home.mkdir(parents=True)
    settings = {
        "backend": "torch",
        "image_data_format": "channels_first",
        "floatx": "float64",
    }
    (keras_home / "keras.json").write_text(json.dumps(settings))
    model = models.get("resnet8")(**data.DATASETS["digits"].form())
    model.save(place / "t.keras")
    done = subprocess.run(
        [sys.executable, "-m", "lit_tf.launch.import_"]
        + ["--source=t.keras", "--output=ö/new.keras", "--dataset=digits"],
        cwd=place,
        env=os.environ
        | {
            "HOME": str(place / "home"),
            "KERAS_BACKEND": "jax",
            "KERAS_HOME": str(keras_home),
            "LC_ALL": "C",
            "PYTHONCOERCECLOCALE": "0",
            "PYTHONIOENCODING": "ascii",
            "PYTHONUTF8": "0",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b", normalization none ? " in done.stdout
    assert lit_tf.load(place / "ö" / "new.keras").count_params()
