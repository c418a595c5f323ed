"""LiteRT files have the outputs of their model; errors name what they lack."""

import keras
import numpy as np
import pytest
import seeds
import small
import tensorflow as tf

from lit_tf import errors
from lit_tf.deployment import (
    lite_convert,
    lite_model,
    own_signature,
    signature_values,
)
from lit_tf.interop import signatures

pytest.importorskip(
    "ai_edge_litert", reason="ai-edge-litert, the extra [litert]"
)
IMAGES = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3))
IMAGES = IMAGES.astype(np.float32)


@pytest.fixture(scope="module")
def network():
    """The signature of a small network whose BatchNorm has seen images."""
    seeds.set_all(0)
    form = {"input_shape": (8, 8, 3), "classes": 5}
    # Kernels of less than 1,024 weights would stay in float.
    form |= {"mean": (120,) * 3, "std": (60,) * 3, "width": 12}
    model = small.build(6, **form)
    for _ in range(300):
        model.stem(IMAGES, training=True)
    model(IMAGES, training=True)
    return signatures.signature_of(model)


def converted(signature, examples, **how):
    """Returns the bytes of a file, calibrated on the examples."""
    named = signature_values.named_inputs(signature, examples)
    count = len(next(iter(named.values())))
    rows = [
        {name: x[i : i + 1] for name, x in named.items()} for i in range(count)
    ]
    return lite_convert.convert(signature, rows[0], calibration=rows, **how)


@pytest.fixture
def answers(tmp_path):
    """A function: signature, examples, settings → expected and given."""

    def run(signature, examples, **how):
        path = tmp_path / "file.tflite"
        path.write_bytes(converted(signature, examples, **how))
        named = signature_values.named_inputs(signature, examples)
        expected = signature_values.outputs_of(signature, examples)
        return expected, lite_model.LiteModel(path)(named)

    return run


@pytest.mark.parametrize(
    ("quantize", "allowed"),
    [("none", 1e-5), ("float16", 2e-3), ("dynamic", 0.05), ("int8", 0.05)],
)
def test_a_file_of_each_precision_has_the_outputs_of_the_model(
    network, answers, quantize, allowed
):
    expected, given = answers(network, IMAGES, quantize=quantize)
    scale = np.abs(expected["logits"]).max()
    assert given.keys() == expected.keys() == {"logits", "probabilities"}
    assert np.abs(given["logits"] - expected["logits"]).max() < allowed * scale
    best = [one["probabilities"].argmax(-1) for one in (expected, given)]
    assert np.mean(best[0] == best[1]) >= 0.9


def test_an_int8_file_computes_in_integers_alone(network, answers, tmp_path):
    content = converted(network, IMAGES, quantize="int8")
    assert not lite_model.float_operations(content)
    assert {"QUANTIZE", "DEQUANTIZE"} < lite_model.operations(content)
    assert len(content) < 0.8 * len(converted(network, IMAGES))
    # Also its inputs and outputs, if asked: their numbers are converted here.
    expected, given = answers(network, IMAGES, quantize="int8", integer_io=True)
    file = tmp_path / "file.tflite"
    names = lite_model.operations(file.read_bytes())
    assert not names & {"QUANTIZE", "DEQUANTIZE"}
    scale = np.abs(expected["logits"]).max()
    assert np.abs(given["logits"] - expected["logits"]).max() < 0.05 * scale


def dense(x, name="dense"):
    return keras.layers.Dense(3, name=name)(keras.layers.Flatten()(x))


def test_augmentation_does_not_run_in_a_file(answers):
    image = keras.Input((8, 8, 3))
    x = keras.layers.RandomFlip()(image)
    x = keras.layers.RandomContrast(0.9)(x)
    x = keras.layers.Dropout(0.9)(x)
    model = keras.Model(image, dense(x))
    expected, given = answers(own_signature.OwnSignature(model), IMAGES)
    unchanged = model(IMAGES, training=False)
    np.testing.assert_allclose(given["output_0"], unchanged, atol=1e-3)
    np.testing.assert_allclose(expected["output_0"], unchanged, atol=1e-3)


@pytest.mark.parametrize("nest", ["dictionary", "list"])
def test_several_inputs_are_taken_by_name(answers, nest):
    image = keras.Input((8, 8, 3), name="image")
    meta = keras.Input((4,), name="meta")
    x = keras.layers.Concatenate()([keras.layers.Flatten()(image), meta])
    numbers = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
    inputs, examples = [meta, image], [numbers, IMAGES]
    if nest == "dictionary":
        inputs = {"meta": meta, "image": image}
        examples = {"meta": numbers, "image": IMAGES}
    model = keras.Model(inputs, {"first": dense(x), "second": dense(x, "two")})
    signature = own_signature.OwnSignature(model)
    expected, given = answers(signature, examples)
    assert given.keys() == {"first", "second"}
    for name, one in expected.items():
        np.testing.assert_allclose(given[name], one, atol=1e-3)


def lambda_model(function):
    image = keras.Input((8, 8, 3))
    return keras.Model(image, dense(keras.layers.Lambda(function)(image)))


def recurrent_model():
    image = keras.Input((8, 8, 3))
    x = keras.layers.Reshape((8, 24))(image)
    return keras.Model(image, dense(keras.layers.SimpleRNN(3)(x)))


@pytest.mark.parametrize(
    ("make", "quantize", "message"),
    [
        (
            lambda: lambda_model(lambda x: tf.math.digamma(x + 1)),
            "none",
            "LiteRT lacks the operations Digamma",
        ),
        (lambda: lambda_model(tf.sin), "int8", "no int8 form of SIN"),
        # TensorFlow's calibration would end the process.
        (recurrent_model, "int8", "no int8 form of WHILE"),
    ],
)
def test_an_operation_that_litert_lacks_is_named(make, quantize, message):
    signature = signatures.signature_of(make())
    with pytest.raises(errors.SettingsError, match=message):
        converted(signature, IMAGES[:2], quantize=quantize)


def test_int8_without_examples_is_refused(network):
    one = signature_values.named_inputs(network, IMAGES[:1])
    with pytest.raises(errors.DataError, match="Received: none."):
        lite_convert.convert(network, one, quantize="int8")


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "file.tflite"
    path.write_bytes(b"not a file of LiteRT")
    with pytest.raises(errors.DataError, match="is not a LiteRT file"):
        lite_model.LiteModel(path)
