"""Settings of `lit-benchmark`: what they choose, and what is refused."""

import dataclasses

import pytest
import tensorflow as tf
from tiny_benchmark import TINY

from lit_tf import config, data, errors
from lit_tf.benchmark import bench, memory, profile
from lit_tf.utils import atomic_files

pytestmark = pytest.mark.usefixtures("small_family")

OWN = {"teacher_weights": "my_model.keras"}
HALF = {"shrink": config.Shrink(compression=2)}


@pytest.mark.parametrize(
    ("device", "choice", "chosen", "xla"),
    [
        ("", "auto", "GPU:0", True),
        ("GPU:0", "off", "GPU:0", False),
        ("CPU:0", "auto", "CPU:0", False),
        ("CPU:0", "on", "CPU:0", True),
    ],
)
def test_xla_is_chosen_by_the_device(monkeypatch, device, choice, chosen, xla):
    machine = [
        tf.config.LogicalDevice(f"/device:{kind}:0", kind)
        for kind in ("CPU", "GPU")
    ]
    monkeypatch.setattr(
        tf.config,
        "list_logical_devices",
        lambda kind=None: [
            each for each in machine if kind in (None, each.device_type)
        ],
    )
    asked = dataclasses.replace(TINY, device=device, jit_compile=choice)
    made = bench.Bench(asked)
    assert (made.device, made.jit_compile) == (chosen, xla)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "`steps` must be ≥ 1. Received: steps=0."),
        ({"growth_steps": 0}, "`growth_steps` must be ≥ 1."),
        ({"data": "fake"}, "`data` must be one of auto, random, real. Rec"),
        ({"batch_size": 0}, "`batch_size` must be ≥ 1."),
        ({"dtype": "half"}, "`dtype` must be one of float32, "),
        ({"jit_compile": "yes"}, "`jit_compile` must be one of auto, on, off."),
        ({"device": "CPU:9"}, "Unknown device 'CPU:9'. Known: CPU:0, CPU:1."),
        ({"dataset": "digit"}, "The nearest is digits."),
        ({"student": "resnet9"}, "The nearest is resnet8."),
        (
            {"architecture": config.Architecture(cardinality=2)},
            "A small has no `cardinality`. Received: cardinality=2.",
        ),
        ({"dataset": "celeba"}, "`dataset` must be one for classification"),
        (OWN, "`teacher_weights` needs `compression` or `keep`"),
        (
            OWN | HALF | {"data": "random"},
            "Pass no `dataset` and no",
        ),
        (
            OWN | HALF | {"data": "real", "dataset": ""},
            "Real data need `dataset` or `data_dir`. Received: data='real'.",
        ),
    ],
)
def test_invalid_settings_are_refused(changes, message):
    with pytest.raises(errors.SettingsError) as refusal:
        bench.Bench(dataclasses.replace(TINY, **changes))
    assert message in str(refusal.value)


def test_memory_and_profile_are_refused_where_they_are_not_available(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "status")
    with pytest.raises(errors.SettingsError, match="`memory` reads"):
        memory.check(TINY)
    made = bench.Bench(TINY)
    made.device = "GPU:0"
    with pytest.raises(
        errors.SettingsError, match="`profile` measures the ops"
    ):
        profile.check(TINY, made)


def test_a_file_that_cannot_be_written_is_refused_beforehand(tmp_path):
    (tmp_path / "file").write_text("kept")
    for path, message in (
        (tmp_path, "is a folder, not a file."),
        (tmp_path / "file" / "told.json", "cannot be written to"),
    ):
        with pytest.raises(errors.DataError, match=message):
            atomic_files.check_writable(path)
    atomic_files.check_writable(tmp_path / "new" / "told.json")
    atomic_files.check_writable(tmp_path / "file")
    assert not any((tmp_path / "new").iterdir())
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, source in data.DATASETS.items()
        if source.classes(config.Data())
    ],
)
def test_random_data_has_the_form_of_the_data_set(name):
    source, settings = data.DATASETS[name], config.Data(image_size=8)
    noise, again, other = (
        source.noise(name, examples=500, seed=seed, settings=settings)
        for seed in (1, 1, 2)
    )
    assert noise.form == source.form(settings)
    assert noise.crop == source.crop
    assert len(noise.train) == 500 and not len(noise.test)
    largest = 1 if noise.task == "images" else len(noise.classes) - 1
    assert noise.train.labels.max() == largest
    assert noise.fingerprint == again.fingerprint != other.fingerprint


def test_the_crop_that_is_known_without_files_is_that_of_the_data():
    digits = data.load(config.Data(dataset="digits"))
    assert digits.crop == data.DATASETS["digits"].crop
    assert data.DATASETS["cifar10"].crop.pad == 4
