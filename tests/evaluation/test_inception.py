"""InceptionV3 as feature extractor: weights, inputs, errors."""

import keras
import numpy as np
import pytest
from small_networks import L, body, images, network

from lit_tf import errors
from lit_tf.evaluation import feature_extractors


@pytest.fixture
def tiny(monkeypatch):
    """A function of a seed that returns a tiny network for InceptionV3."""

    def make(seed=0, weights=None):
        if weights:
            raise OSError("no route to host")
        model = network(*body(), L.Dense(5, activation="softmax"))
        random = np.random.default_rng(seed)
        model.set_weights(
            [random.normal(size=w.shape) for w in model.get_weights()]
        )
        return model

    monkeypatch.setattr(keras.applications, "InceptionV3", make)
    return make


@pytest.mark.parametrize("name", ["a.weights.h5", "a.h5", "a.keras"])
def test_inception_has_the_weights_of_the_file(tiny, tmp_path, name):
    model, path = tiny(seed=1), tmp_path / name
    (model.save_weights if "weights" in name else model.save)(path)
    extract = feature_extractors.inception(path)
    result = extract(images())
    # Images are not rescaled: Keras's InceptionV3 takes [−1, 1].
    np.testing.assert_allclose(result.probabilities, model(images()), rtol=1e-5)
    assert result.features.shape == (3, 4)
    assert extract.name.startswith(f"InceptionV3 pool (weights {name}, ")


def test_keras_scales_images_for_inception_to_the_same_range():
    pixels = np.arange(256, dtype=np.float32).reshape(1, 16, 16, 1)
    expected = keras.applications.inception_v3.preprocess_input(pixels.copy())
    np.testing.assert_allclose(pixels / 127.5 - 1, expected, atol=1e-6)


def test_inception_has_2048_pooled_features_and_1000_classes():
    model = keras.applications.InceptionV3(weights=None)
    pool = feature_extractors._before_dense(model.outputs[0])
    assert pool is model.get_layer("avg_pool").output
    assert pool.shape == (None, 2048)
    assert model.input_shape == (None, 299, 299, 3)
    assert feature_extractors._probabilities(model, pool).shape == (None, 1000)


def test_inception_without_weights_names_the_flags():
    with pytest.raises(
        errors.SettingsError, match="--inception_weights.*--download_inception"
    ):
        feature_extractors.inception()


@pytest.mark.parametrize("name", ["a.weights.h5", "a.h5", "a.keras"])
def test_inception_refuses_missing_damaged_and_other_files(
    tiny, tmp_path, name
):
    path = tmp_path / name
    with pytest.raises(errors.DataError, match="There is no .* file"):
        feature_extractors.inception(path)
    path.write_bytes(b"not weights")
    with pytest.raises(errors.DataError, match="damaged|not a complete"):
        feature_extractors.inception(path)
    other = network(L.Flatten(), L.Dense(5))
    (other.save_weights if "weights" in name else other.save)(path)
    with pytest.raises(
        errors.DataError, match="other shapes|not an InceptionV3"
    ):
        feature_extractors.inception(path)


def test_a_failed_download_is_reported(tiny):
    with pytest.raises(errors.DataError, match="downloaded.*no route to host"):
        feature_extractors.inception(download=True)


def test_with_a_file_of_weights_nothing_is_downloaded(tiny, tmp_path):
    tiny().save_weights(tmp_path / "a.weights.h5")
    extract = feature_extractors.inception(
        tmp_path / "a.weights.h5", download=True
    )
    assert extract.classes == 5
