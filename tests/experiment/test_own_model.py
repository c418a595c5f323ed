"""A user's model and data: the student, or the reason for a refusal."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from home_made import home_made, residual_rows
from PIL import Image

import lit_tf
from lit_tf import config, data, errors
from lit_tf.experiment import build, run_data
from lit_tf.experiment.run import compress
from lit_tf.sections import cost
from lit_tf.training import fit

_CUSTOM = """
import keras

@keras.saving.register_keras_serializable("mine")
class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2 * x
"""


def test_a_users_model_is_compressed(own, tmp_path):
    model = home_made()
    settings = own(model)
    dataset = build.load_dataset(settings.data, settings.session)
    dataset = dataclasses.replace(dataset, classes=("ant", "bee", "cow"))
    results = compress(settings, dataset=dataset)
    _check_the_names(results, tmp_path / "run")
    assert results["compression"]["flops"] >= 1.8
    student = lit_tf.load(tmp_path / "run" / "student.keras")
    assert cost.flops(student) == results["student"]["flops"]
    # The softmax was replaced by logits; the rescaling stayed in the stem.
    x = np.random.default_rng(0).uniform(0, 255, (4, 8, 8, 3))
    teacher, _ = build.pair(settings, dataset)
    np.testing.assert_allclose(
        keras.ops.softmax(teacher(x)), model(x), rtol=1e-5, atol=1e-6
    )
    assert "rescaling" in [layer.name for layer in student.stem.layers]
    # The same command returns the report; another compression is refused.
    assert compress(own(model), dataset=dataset) == results
    with pytest.raises(errors.SettingsError, match="--compression was 1.8"):
        compress(own(model, shrink=config.Shrink(compression=1.2)))


def _check_the_names(results, folder):
    """Checks that a report has the names of the user's model and classes."""
    assert results["teacher"]["model"] == "mine"
    assert results["student"]["model"] == "mine_2_1"
    assert results["student"]["blocks"] == [
        {"section": 1, "blocks": 3, "kept": [1, 3]},
        {"section": 2, "blocks": 3, "kept": [1]},
    ]
    # The architectures of the flags were ignored.
    assert results["settings"]["teacher"] is None
    assert results["settings"]["student"] is None
    names = ["ant", "bee", "cow"]
    assert results["data"]["classes"] == names
    assert [one["class"] for one in results["per_class"]] == names
    assert json.loads((folder / "classes.json").read_text()) == names
    exported = tf.saved_model.load(str(folder / "saved_model"))
    outputs = exported.serve(tf.zeros([1, 8, 8, 3]))
    assert outputs["class_name"].numpy()[0].decode() in names
    for page in ("report.md", "report.html"):
        text = (folder / page).read_text()
        assert "Section 1 keeps 2 of the teacher's 3 blocks: 1, 3." in text
        assert "bee" in text and "resnet" not in text
    assert 'src="data:image/png;base64,' in text


@pytest.mark.usefixtures("without_costs")
def test_a_resumed_run_keeps_the_blocks_that_latency_determined(
    own, tmp_path, monkeypatch
):
    shrink = config.Shrink(compression=1.05, compression_of="latency")
    settings = own(home_made(), shrink=shrink, with_fine_tune=False)
    folder = tmp_path / "run"

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fit, "run_phase", interrupted)
        with pytest.raises(KeyboardInterrupt):
            compress(settings)
    blocks = json.loads((folder / "config.json").read_text())["blocks"]
    # Now no student would be fast enough, as on another machine.
    monkeypatch.setattr(
        cost, "medians_ms", lambda models, *_, **__: dict.fromkeys(models, 1)
    )
    results = compress(settings)
    assert results["student"]["model"] == "mine_" + "_".join(map(str, blocks))
    assert results["settings"]["compression"] == 1.05


@pytest.mark.usefixtures("without_costs")
@pytest.mark.slow
def test_cuts_and_keep_determine_the_student(own):
    settings = own(
        home_made(),
        shrink=config.Shrink(
            keep=(2,), cuts=("backbone/conv", "backbone/row0_2_relu")
        ),
        init="teacher_blocks",
        with_fine_tune=False,
    )
    results = compress(settings)
    assert results["student"]["model"] == "mine_2"


def test_a_model_of_any_image_size_is_trained_at_that_of_the_data(own):
    image = keras.Input((None, None, 3), name="image")
    x = keras.layers.GlobalAveragePooling2D()(residual_rows(image, blocks=3))
    model = keras.Model(image, keras.layers.Dense(3)(x), name="any")
    settings = own(model)
    dataset = data.load(settings.data, data_dir=settings.session.data_dir)
    teacher, student = build.pair(settings, dataset)
    assert teacher.input_shape == student.input_shape == (None, 8, 8, 3)
    x = dataset.train.inputs[:4].astype("float32")
    np.testing.assert_allclose(teacher(x), model(x), rtol=1e-5, atol=1e-5)
    assert 1.8 <= cost.flops(teacher) / cost.flops(student)


@pytest.mark.parametrize("shape", [(8, 12, 1), (12, 8, 3), (None, None, 1)])
def test_images_get_the_shape_that_the_model_takes(tmp_path, own, shape):
    random = np.random.default_rng(0)
    for i in range(40):
        name = tmp_path / "images" / str(i % 2) / f"{i}.png"
        name.parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (20, 30, 3), np.uint8)
        Image.fromarray(pixels).save(name)
    image = keras.Input(shape)
    x = keras.layers.GlobalAveragePooling2D()(image)
    path = own(keras.Model(image, keras.layers.Dense(2)(x))).teacher_weights
    session = config.Session(
        data_dir=str(tmp_path / "images"), cache_dir=str(tmp_path / "cache")
    )
    settings = config.Data(image_size=6) if None in shape else config.Data()
    settings = run_data.complete(settings, session, path)
    dataset = data.load(
        settings, data_dir=session.data_dir, cache_dir=session.cache_dir
    )
    expected = (6, 6, 1) if None in shape else shape
    assert dataset.form["input_shape"] == expected
    assert dataset.train.inputs[:2].shape == (2, *expected)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_a_whole_model_in_an_h5_file_is_a_teacher(own):
    model = home_made()
    settings = own(model, suffix=".h5")
    dataset = data.load(settings.data, data_dir=settings.session.data_dir)
    teacher, _ = build.pair(settings, dataset)
    x = dataset.train.inputs[:4].astype("float32")
    probabilities = keras.ops.softmax(teacher(x))
    np.testing.assert_allclose(probabilities, model(x), rtol=1e-5, atol=1e-6)


def test_a_users_classes_are_imported(own, tmp_path, server):
    # A new process has not registered the classes yet.
    (tmp_path / "my_layers.py").write_text(_CUSTOM)
    make = (
        "import sys; sys.path.insert(0, '.'); import my_layers, keras; "
        "x = keras.Input((8, 8, 3)); y = my_layers.Doubled()(x / 510); "
        "y = keras.layers.Conv2D(4, 3, padding='same')(y)\n"
        "for i in range(3):\n"
        "  z = keras.layers.Conv2D(4, 3, padding='same')(y)\n"
        "  y = keras.layers.Add()([y, z])\n"
        "y = keras.layers.GlobalAveragePooling2D()(y)\n"
        "y = keras.layers.Dense(3)(y)\n"
        "keras.Model(x, y, name='mine').save('custom.keras')\n"
        "sys.exit()"
    )
    own(home_made())  # Writes the arrays.
    made = server.run("lit-compress", cwd=tmp_path, before=make)
    assert made.code == 0, made.err
    with pytest.raises(errors.DataError, match="--custom_objects"):
        lit_tf.load(tmp_path / "custom.keras")
    process = server.run(
        "lit-compress",
        "--teacher_weights=custom.keras",
        "--data_dir=mine.npz",
        "--keep=2",
        "--lit_epochs=1",
        "--fine_tune_epochs=0",
        "--lit_milestones=",
        "--fine_tune_milestones=",
        "--nofine_tune",
        "--custom_objects=my_layers",
        cwd=tmp_path,
        before="import small; small.skip_costs()",
    )
    assert process.code == 0, process.err
    report = json.loads((tmp_path / "runs/compress/report.json").read_text())
    assert report["student"]["model"] == "mine_2"
