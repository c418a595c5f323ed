"""Exports answer by the conventions of their servers, without this package."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import seeds
from tensorflow.core.protobuf import saved_model_pb2

from lit_tf.deployment import lite_convert, lite_model, signature_values
from lit_tf.interop import saved_model, signatures

NAMES = ("ant", "bee", "cow")
# The process imports neither this package nor Keras.
PROGRAM = """\
import sys
sys.modules["lit_tf"] = sys.modules["keras"] = None
import json
import numpy as np
import tensorflow as tf
folder, file, images = sys.argv[1:]
images = np.load(images)
loaded = tf.saved_model.load(folder, tags=["serve"])
served = loaded.signatures["serving_default"](inputs=tf.constant(images))
outputs = {"served": {k: v.numpy().tolist() for k, v in served.items()
                      if k != "class_name"},
           "names": [n.decode() for n in served["class_name"].numpy()]}
try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError as error:
    outputs["missing"] = str(error)
else:
    runner = Interpreter(model_path=file).get_signature_runner(
        "serving_default")
    rows = [runner(inputs=images[i : i + 1]) for i in range(len(images))]
    outputs["litert"] = {
        k: np.concatenate([row[k] for row in rows]).tolist() for k in rows[0]}
print(json.dumps(outputs))
sys.exit()
"""


@pytest.fixture(scope="module")
def network():
    seeds.set_all(0)
    image = keras.Input((4, 4, 3), name="image")
    x = keras.layers.RandomFlip()(image)
    x = keras.layers.Conv2D(6, 3)(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, x, name="student")


@pytest.fixture(scope="module")
def images():
    images = np.random.default_rng(0).normal(size=(6, 4, 4, 3))
    return images.astype("float32")


@pytest.fixture(scope="module")
def answered(network, images, tmp_path_factory):
    """The folder of a SavedModel, and what another process computes with it."""
    root = tmp_path_factory.mktemp("served")
    saved_model.write(network, root / "1", images, classes=NAMES)
    np.save(root / "images.npy", images)
    if lite_model.installed():
        signature = signatures.signature_of(network)
        first = signature_values.named_inputs(signature, images[:1])
        content = lite_convert.convert(signature, first)
        (root / "model.tflite").write_bytes(content)
    paths = (root / "1", root / "model.tflite", root / "images.npy")
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, paths)],
        check=True,
        cwd=root,
        capture_output=True,
    )
    return root / "1", json.loads(ended.stdout)


def check(outputs, network, images):
    logits = network(images, training=False).numpy()
    probabilities = keras.ops.softmax(logits)
    np.testing.assert_allclose(outputs["logits"], logits, atol=1e-5)
    np.testing.assert_allclose(
        outputs["probabilities"], probabilities, atol=1e-5
    )


def test_a_saved_model_answers_without_this_package(answered, network, images):
    _, outputs = answered
    check(outputs["served"], network, images)
    best = network(images, training=False).numpy().argmax(-1)
    assert outputs["names"] == [NAMES[label] for label in best]


def test_a_litert_file_answers_without_this_package(answered, network, images):
    _, outputs = answered
    if "litert" not in outputs:
        pytest.skip(f"ai-edge-litert: {outputs['missing']}")
    check(outputs["litert"], network, images)


def test_a_saved_model_has_the_signature_that_tensorflow_serving_reads(
    answered,
):
    folder, _ = answered
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((folder / "saved_model.pb").read_bytes())
    (graph,) = saved.meta_graphs
    assert list(graph.meta_info_def.tags) == ["serve"]
    default = graph.signature_def["serving_default"]
    assert default.method_name == "tensorflow/serving/predict"
    sizes = {
        name: [one.size for one in tensor.tensor_shape.dim]
        for name, tensor in {**default.inputs, **default.outputs}.items()
    }
    assert sizes == {
        "inputs": [-1, 4, 4, 3],
        "logits": [-1, 3],
        "probabilities": [-1, 3],
        "class_name": [-1],
    }
