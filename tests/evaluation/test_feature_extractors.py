"""Feature extractors from model files: the layer read, the inputs, errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_networks import L, body, conv, images, network

from lit_tf import errors
from lit_tf.evaluation import feature_extractors
from lit_tf.sections.sectioned_model import SectionedModel


@pytest.fixture
def extractor(tmp_path):
    """A function of a model that returns its extractor, through a file."""

    def read(model, name="classifier.keras"):
        model.save(tmp_path / name)
        return feature_extractors.from_model_file(tmp_path / name)

    return read


ENDS = {
    "logits": lambda: [L.Dense(5)],
    "dense": lambda: [L.Dense(5, activation="softmax")],
    "layer": lambda: [L.Dense(5), L.Softmax()],
    "operation": lambda: [L.Dense(5), keras.ops.softmax],
}


def ending(way, name="inner"):
    """Returns a model of 4 features and 5 classes with one kind of ending."""
    if way == "nested":
        inner = network(L.Dense(7), L.Dense(5), shape=(4,), name=name)
        return network(*body(), inner, L.Softmax())
    if way == "nested at once":
        inner = network(L.Dense(5), shape=(4,), name=name)
        return network(*body(), inner)
    if way == "sequential":
        return keras.Sequential([keras.Input((8, 8, 3)), *body(), L.Dense(5)])
    if way == "sequential inside":
        return network(keras.Sequential([*body(), L.Dense(5)]))
    if way == "sections":
        pooled = [L.GlobalAveragePooling2D(), L.Dense(5)]
        stem = network(conv(), name="stem")
        section = network(L.ReLU(), shape=(6, 6, 4), name="section_1")
        head = network(*pooled, shape=(6, 6, 4), name="head")
        return SectionedModel(stem, [section], head)
    return network(*body(), *ENDS[way]())


@pytest.mark.parametrize(
    "way",
    [*ENDS, "nested at once", "sequential", "sequential inside", "sections"],
)
def test_features_are_the_input_of_the_last_dense_layer(extractor, way):
    model = ending(way)
    model.set_weights([w + 0.1 for w in model.get_weights()])
    result = extractor(model)(images())
    kernel, bias, after, offset = model.get_weights()
    pixels = 127.5 * (images() + 1)
    maps = tf.nn.conv2d(pixels, kernel, 1, "VALID") + bias
    if way == "sections":
        maps = tf.nn.relu(maps)
    expected = tf.reduce_mean(maps, axis=[1, 2])
    np.testing.assert_allclose(result.features, expected, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(
        result.probabilities,
        tf.nn.softmax(expected @ after + offset),
        rtol=1e-2,
        atol=1e-4,
    )


def test_features_may_be_inside_a_nested_model(extractor):
    model = ending("nested")
    extract = extractor(model)
    result, pixels = extract(images()), 127.5 * (images() + 1)
    inner = model.layers[-2]
    pooled = keras.Model(model.inputs[0], model.layers[2].output)(pixels)
    expected = inner.layers[1](pooled)
    assert (extract.width, extract.classes) == (7, 5)
    np.testing.assert_allclose(result.features, expected, rtol=1e-4)
    np.testing.assert_allclose(result.probabilities, model(pixels), rtol=1e-4)


def test_nested_models_with_names_from_keras_are_read(tmp_path):
    ending("nested", name="functional").save(tmp_path / "classifier.keras")
    keras.utils.clear_session()  # Keras will use the same names again.
    assert (
        feature_extractors.from_model_file(tmp_path / "classifier.keras").width
        == 7
    )


def test_a_network_without_dense_layers_is_pooled_and_has_no_classes(extractor):
    extract = extractor(network(conv()))
    result = extract(images())
    pooled = extractor(network(*body()))(images())
    assert (extract.width, extract.classes) == (4, 0)
    assert result.probabilities is None and pooled.probabilities is None
    np.testing.assert_allclose(result.features, pooled.features, rtol=1e-5)


def test_dense_layers_before_merged_branches_do_not_count(extractor):
    x = keras.Input((8, 8, 3))
    gate = L.Dense(4, activation="sigmoid")(L.Conv2D(7, 3)(x))
    extract = extractor(keras.Model(x, L.Multiply()([conv()(x), gate])))
    assert (extract.width, extract.classes) == (4, 0)


def test_inputs_of_a_dense_layer_over_space_are_averaged(extractor):
    extract = extractor(network(conv(), L.Dense(5), L.GlobalAveragePooling2D()))
    pooled = extractor(network(*body()))(images())
    result = extract(images())
    assert extract.classes == 5
    np.testing.assert_allclose(result.features, pooled.features, rtol=1e-5)


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [*body(), L.Dense(1)],
        lambda: [*body(), L.Dense(5, activation="sigmoid")],
        lambda: [conv(), L.Dense(5, activation="softmax")],
    ],
    ids=["one", "sigmoid", "everywhere"],
)
def test_outputs_that_are_not_a_distribution_are_not_probabilities(
    extractor, layers
):
    extract = extractor(network(*layers()))
    assert (extract.width, extract.classes) == (4, 0)
    assert extract(images()).probabilities is None


def test_a_model_of_one_channel_receives_the_mean_of_three(extractor):
    extract = extractor(network(L.Flatten(), shape=(8, 8, 1)))
    grey = 127.5 * (images().mean(-1) + 1)
    expected = grey.reshape(3, -1)
    np.testing.assert_allclose(extract(images()).features, expected, rtol=1e-5)


def test_images_are_resized_to_the_size_of_the_model(extractor):
    extract = extractor(network(L.Flatten(), shape=(2, 2, 3)))
    plain = np.zeros((1, 5, 7, 3), np.float32)
    np.testing.assert_allclose(
        extract(plain).features, np.full((1, 12), 127.5), rtol=1e-6
    )
    # From 1 × 2 pixels: the outer pixels stay; between them are ¼ and ¾.
    extract = extractor(network(L.Flatten(), shape=(1, 4, 3)))
    edge = np.array([-1, 1], np.float32)[None, None, :, None] * np.ones(3)
    result = extract(edge).features[0, ::3]
    np.testing.assert_allclose(result, [0, 63.75, 191.25, 255], rtol=1e-6)


def test_a_fine_pattern_shrinks_to_its_mean(extractor):
    extract = extractor(network(L.Flatten(), shape=(4, 4, 3)))
    lines = np.ones((1, 16, 16, 3), np.float32)
    lines[:, :, 1::4] = lines[:, :, 2::4] = -1
    inner = tf.reshape(extract(lines).features, [4, 4, 3])[1:3, 1:3]
    np.testing.assert_allclose(inner, np.full((2, 2, 3), 127.5), atol=1)


def test_a_model_of_any_size_receives_images_unresized(extractor):
    extract = extractor(network(*body(), L.Dense(5), shape=(None, None, 3)))
    whole = extractor(network(*body(), L.Dense(5), shape=(5, 9, 3)))
    some = images(height=5, width=9)
    np.testing.assert_allclose(
        extract(some).features, whole(some).features, rtol=1e-5
    )
    assert extract(images(count=2)).features.shape == (2, 4)


def test_a_model_of_integers_receives_the_nearest_integers(extractor):
    extract = extractor(network(L.Rescaling(1.0), L.Flatten(), dtype="uint8"))
    pixels = np.arange(192).reshape(1, 8, 8, 3)
    some = (pixels / 127.5 - 1).astype("float32")
    np.testing.assert_array_equal(extract(some).features[0], pixels.ravel())


def test_features_are_float32_under_any_policy(extractor):
    half = [
        conv(dtype="mixed_float16"),
        L.Dense(5, dtype="mixed_float16"),
        L.GlobalAveragePooling2D(dtype="mixed_float16"),
    ]
    result = extractor(network(*half))(images())
    assert result.features.dtype == result.probabilities.dtype == tf.float32
    np.testing.assert_allclose(
        tf.reduce_sum(result.probabilities, axis=1), np.ones(3), rtol=1e-6
    )


def test_features_are_those_of_inference(extractor):
    extract = extractor(
        network(L.Dropout(0.5), L.BatchNormalization(), *body())
    )
    alone = [extract(images()[i : i + 1]).features[0] for i in range(3)]
    np.testing.assert_allclose(extract(images()).features, alone, rtol=1e-4)


def test_a_model_in_the_old_file_format_is_read(extractor):
    model = network(*body(), L.Dense(5))
    old, new = extractor(model, "classifier.h5"), extractor(model)
    np.testing.assert_array_equal(
        old(images()).features, new(images()).features
    )


def test_the_name_identifies_the_file_and_its_weights(extractor):
    model = network(*body(), L.Dense(5))
    first = extractor(model).name
    assert first == extractor(model).name
    assert first.startswith("features of classifier (file classifier.keras, ")
    model.set_weights([w + 1 for w in model.get_weights()])
    assert extractor(model).name != first


def branched(*, inputs=1, outputs=1):
    starts = [keras.Input((8, 8, 3)) for _ in range(inputs)]
    x = L.Add()(starts) if inputs > 1 else starts[0]
    return keras.Model(starts, [conv()(x) for _ in range(outputs)])


@pytest.mark.parametrize(
    ("model", "received"),
    [
        (
            branched(inputs=2),
            r"inputs=\[\(None, 8, 8, 3\), \(None, 8, 8, 3\)\]",
        ),
        (
            branched(outputs=2),
            r"outputs=\[\(None, 6, 6, 4\), \(None, 6, 6, 4\)\]",
        ),
        (network(L.Dense(5), shape=(4,)), r"inputs=\[\(None, 4\)\]"),
        (network(*body(), shape=(8, 8, 2)), r"\(None, 8, 8, 2\)"),
        (network(*body(), shape=(3, 8, 8)), r"\(None, 3, 8, 8\)"),
    ],
)
def test_a_model_of_other_inputs_or_outputs_is_refused(
    extractor, model, received
):
    with pytest.raises(errors.SettingsError, match=received) as refusal:
        extractor(model)
    assert "one input, [batch, height, width, 1 or 3]" in str(refusal.value)


def test_a_missing_model_file_is_refused(tmp_path):
    with pytest.raises(errors.DataError, match="no model file"):
        feature_extractors.from_model_file(tmp_path / "none.keras")


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, 8, 8, 1), np.float32),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((2, 8, 8, 3), np.uint8),
    ],
)
def test_inputs_that_are_not_images_are_refused(extractor, wrong):
    extract = extractor(network(*body()))
    with pytest.raises(ValueError, match=r"Received: (float32|uint8), shape"):
        extract(wrong)
