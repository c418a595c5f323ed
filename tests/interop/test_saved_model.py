"""The SavedModel has the student's outputs and needs TensorFlow alone."""

import json

import keras
import numpy as np
import pytest
import seeds
import tensorflow as tf

from lit_tf import errors, layers
from lit_tf.data import characters
from lit_tf.interop import saved_model, signatures
from lit_tf.methods import lit
from lit_tf.models import vdcnn
from lit_tf.sections import copying, inspection


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A small convolutional student, its SavedModel's folder, and images."""
    seeds.set_all(0)
    x = keras.Input((4, 4, 3), name="image")
    y = keras.layers.Conv2D(6, 3)(x)
    y = keras.layers.BatchNormalization()(y)
    y = keras.layers.Dense(5)(keras.layers.GlobalAveragePooling2D()(y))
    model = keras.Model(x, y, name="student")
    folder = tmp_path_factory.mktemp("exported") / "saved_model"
    images = np.random.default_rng(0).normal(size=(6, 4, 4, 3))
    images = images.astype("float32")
    assert saved_model.write(model, folder, images) < 1e-5
    return model, folder, images


def softmax(logits):
    exponentials = np.exp(logits)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def test_it_returns_the_models_logits_and_probabilities(exported, close):
    model, folder, images = exported
    loaded = tf.saved_model.load(str(folder))
    outputs = loaded.serve(tf.constant(images))
    expected = model(images, training=False).numpy()
    assert set(outputs) == {"logits", "probabilities"}
    close(outputs["logits"], expected, 1e-5)
    close(outputs["probabilities"], softmax(expected), 1e-5)


def test_it_names_the_most_probable_class(exported, tmp_path):
    model, _, images = exported
    names = ("ant", "bee", "cow", "dodo", "a\nb")
    saved_model.write(model, tmp_path / "named", images, classes=names)
    loaded = tf.saved_model.load(str(tmp_path / "named"))
    outputs = loaded.signatures["serving_default"](tf.constant(images))
    assert set(outputs) == {"logits", "probabilities", "class_name"}
    best = np.argmax(model(images, training=False), axis=1)
    named = [name.decode() for name in outputs["class_name"].numpy()]
    assert named == [names[label] for label in best]
    text = (tmp_path / "named" / "assets.extra" / "classes.txt").read_text()
    assert text == "ant\nbee\ncow\ndodo\na b\n"


def stored(folder):
    """Returns the shape and type of every variable in a SavedModel."""
    checkpoint = tf.train.load_checkpoint(str(folder / "variables/variables"))
    types = checkpoint.get_variable_to_dtype_map()
    return sorted(
        (shape, types[name].name)
        for name, shape in checkpoint.get_variable_to_shape_map().items()
        if name != "_CHECKPOINTABLE_OBJECT_GRAPH"
    )


def test_its_signature_returns_the_same_outputs_by_name(exported):
    _, folder, images = exported
    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures["serving_default"]
    _, named = signature.structured_input_signature
    assert list(named) == ["inputs"]
    outputs = signature(inputs=tf.constant(images))
    for name, output in loaded.serve(tf.constant(images)).items():
        np.testing.assert_allclose(outputs[name], output, atol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 17])
def test_it_takes_a_batch_of_any_size(exported, size):
    _, folder, images = exported
    many = tf.constant(np.resize(images, (size, 4, 4, 3)))
    loaded = tf.saved_model.load(str(folder))
    assert loaded.serve(many)["logits"].shape == (size, 5)
    signature = loaded.signatures["serving_default"]
    assert signature(many)["probabilities"].shape == (size, 5)


def test_it_is_read_as_a_function_of_images(exported):
    model, folder, images = exported
    read = saved_model.read(folder)
    assert read.inputs[0].shape == (None, 4, 4, 3)
    assert read.output_shape == (None, 5)
    np.testing.assert_allclose(
        read(images), model(images, training=False), atol=1e-5
    )


def test_it_contains_the_students_variables_alone(build, batch, tmp_path):
    trainer = lit.LIT(build("resnet14", seed=1), build(seed=2))
    trainer.compile(run_eagerly=True)
    trainer.train_on_batch(*batch(4))
    saved_model.write(trainer.student, tmp_path / "student", batch(2)[0])
    expected = [(list(v.shape), "float32") for v in trainer.student.variables]
    assert stored(tmp_path / "student") == sorted(expected)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_it_is_float32_under_any_policy_of_the_student(
    exported, tmp_path, policy, close
):
    model, _, images = exported
    mixed = copying.copy_model(model, policy=policy)
    difference = saved_model.write(mixed, tmp_path / "saved_model", images)
    assert difference < 1e-5
    loaded = tf.saved_model.load(str(tmp_path / "saved_model"))
    assert {kind for _, kind in stored(tmp_path / "saved_model")} == {"float32"}
    graph = loaded.signatures["serving_default"].graph
    nested = [f.graph for f in graph._functions.values() if hasattr(f, "graph")]
    dtypes = {
        tensor.dtype
        for each in (graph, *nested)
        for op in each.get_operations()
        for tensor in op.outputs
    }
    assert tf.float32 in dtypes
    assert not dtypes & {tf.float16, tf.bfloat16}
    close(loaded.serve(images)["logits"], model(images), 1e-5)


def test_the_student_is_not_changed(exported, tmp_path):
    model, _, images = exported
    mixed = copying.copy_model(model, policy="mixed_bfloat16")
    before = mixed.get_weights()
    saved_model.write(mixed, tmp_path / "saved_model", images)
    assert mixed.layers[1].compute_dtype == "bfloat16"
    for old, new in zip(before, mixed.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("off", [1.0, float("nan")])
def test_different_outputs_are_refused_and_nothing_is_left(
    exported, tmp_path, monkeypatch, off
):
    model, _, images = exported
    write = saved_model._write

    def write_another(signature, path):
        student = signature.model
        student.layers[-1].bias.assign(student.layers[-1].bias + off)
        write(signature, path)
        student.layers[-1].bias.assign(model.layers[-1].bias)

    monkeypatch.setattr(saved_model, "_write", write_another)
    with pytest.raises(errors.DataError, match="Nothing was written"):
        saved_model.write(model, tmp_path / "saved_model", images)
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_replaced_completely(exported, tmp_path):
    model, _, images = exported
    folder = tmp_path / "saved_model"
    folder.mkdir()
    (folder / "stale").write_text("of another model")
    saved_model.write(model, folder, images)
    assert not (folder / "stale").exists()
    assert saved_model.read(folder).output_shape == (None, 5)
    assert [path.name for path in tmp_path.iterdir()] == ["saved_model"]


def test_a_refusal_leaves_an_existing_folder_unchanged(
    exported, tmp_path, monkeypatch
):
    model, _, images = exported
    folder = tmp_path / "saved_model"
    folder.mkdir()
    (folder / "file").write_text("of an earlier run")
    monkeypatch.setattr(signatures.VectorSignature, "tolerance", -1.0)
    with pytest.raises(errors.DataError):
        saved_model.write(model, folder, images)
    assert (folder / "file").read_text() == "of an earlier run"
    assert [path.name for path in tmp_path.iterdir()] == ["saved_model"]


def test_a_folder_without_a_saved_model_is_refused(tmp_path):
    with pytest.raises(
        errors.DataError, match="is not a SavedModel that lit-export wr"
    ):
        saved_model.read(tmp_path)


TEXTS = ["It is great, 5 stars!", "Déjà vu 👍", "", "x" * 300]


@pytest.fixture(scope="module")
def text_classifier(tmp_path_factory):
    """A small text classifier, its SavedModel's folder, codes of `TEXTS`."""
    seeds.set_all(0)
    model = vdcnn.build(
        9,
        input_shape=(64,),
        classes=3,
        alphabet=characters.ALPHABET,
        filters=(4, 6, 8, 10),
        hidden=12,
    )
    codes = (
        inspection.opening(model, layers.Characters)
        .encode(tf.constant(TEXTS))
        .numpy()
    )
    model(codes, training=True)
    folder = tmp_path_factory.mktemp("exported") / "saved_model"
    assert saved_model.write(model, folder, codes) < 1e-5
    return model, folder, codes


def test_a_text_classifier_takes_strings(text_classifier, close):
    model, folder, codes = text_classifier
    loaded = tf.saved_model.load(str(folder))
    expected = model(codes, training=False)
    close(loaded.serve(tf.constant(TEXTS))["logits"], expected, 1e-5)
    outputs = loaded.signatures["serving_default"](texts=tf.constant(TEXTS[:1]))
    close(outputs["probabilities"], tf.nn.softmax(expected)[:1], 1e-5)


def test_a_text_classifier_is_read_as_a_function_of_codes(text_classifier):
    model, folder, codes = text_classifier
    read = saved_model.read(folder)
    assert (read.inputs[0].shape, read.output_shape) == ((None, 64), (None, 3))
    expected = model(codes, training=False)
    np.testing.assert_allclose(read(codes), expected, atol=1e-5)


def test_a_text_classifier_loads_where_this_package_cannot_be_imported(
    text_classifier, server, tmp_path
):
    model, folder, codes = text_classifier
    program = (
        "import sys; sys.modules['lit_tf'] = sys.modules['keras'] = None\n"
        "import tensorflow as tf\n"
        "model = tf.saved_model.load(sys.argv[1])\n"
        "outputs = model.serve(tf.constant(sys.argv[2:]))\n"
        "print(outputs['logits'].numpy().tolist())\n"
        "sys.exit()\n"
    )
    ended = server.run("", str(folder), *TEXTS, cwd=tmp_path, before=program)
    assert ended.code == 0, ended.err
    expected = model(codes, training=False)
    np.testing.assert_allclose(json.loads(ended.out), expected, atol=1e-5)
