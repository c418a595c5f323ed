"""Features: where in a network they are, and what the network is given."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lit_tf import errors
from lit_tf.evaluation import feature_extractors
from lit_tf.sections.sectioned_model import SectionedModel

L = keras.layers


def pictures(count=3, height=8, width=8):
    random = np.random.default_rng(0)
    shape = (count, height, width, 3)
    return random.uniform(-1, 1, shape).astype("float32")


def network(*layers, shape=(8, 8, 3), name="theirs", **settings):
    x = start = keras.Input(shape, **settings)
    for layer in layers:
        x = layer(x)
    return keras.Model(start, x, name=name)


def conv(**settings):
    """Returns a convolution that is the same each time."""
    seeded = keras.initializers.GlorotUniform(seed=0)
    return L.Conv2D(4, 3, kernel_initializer=seeded, **settings)


def body():
    return [conv(), L.GlobalAveragePooling2D()]


@pytest.fixture
def of(tmp_path):
    """A function: model → its features, from a file."""

    def read(model, name="theirs.keras"):
        model.save(tmp_path / name)
        return feature_extractors.of_model(tmp_path / name)

    return read


ENDS = {
    "logits": lambda: [L.Dense(5)],
    "dense": lambda: [L.Dense(5, activation="softmax")],
    "layer": lambda: [L.Dense(5), L.Softmax()],
    "operation": lambda: [L.Dense(5), keras.ops.softmax],
}


def ending(way, name="inner"):
    """Returns a model of 4 features, 5 classes that ends in a given way."""
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
def test_features_are_what_the_last_dense_layer_is_given(of, way):
    model = ending(way)
    model.set_weights([w + 0.1 for w in model.get_weights()])
    seen = of(model)(pictures())
    kernel, bias, after, offset = model.get_weights()
    pixels = 127.5 * (pictures() + 1)
    maps = tf.nn.conv2d(pixels, kernel, 1, "VALID") + bias
    if way == "sections":
        maps = tf.nn.relu(maps)
    wanted = tf.reduce_mean(maps, axis=[1, 2])
    np.testing.assert_allclose(seen.features, wanted, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(
        seen.probabilities,
        tf.nn.softmax(wanted @ after + offset),
        rtol=1e-2,
        atol=1e-4,
    )


def test_features_may_be_inside_a_nested_model(of):
    model = ending("nested")
    look = of(model)
    seen, pixels = look(pictures()), 127.5 * (pictures() + 1)
    inner = model.layers[-2]
    pooled = keras.Model(model.inputs[0], model.layers[2].output)(pixels)
    wanted = inner.layers[1](pooled)
    assert (look.width, look.classes) == (7, 5)
    np.testing.assert_allclose(seen.features, wanted, rtol=1e-4)
    np.testing.assert_allclose(seen.probabilities, model(pixels), rtol=1e-4)


def test_names_that_keras_gave_to_nested_models_are_no_hindrance(tmp_path):
    ending("nested", name="functional").save(tmp_path / "theirs.keras")
    keras.utils.clear_session()  # The next such name is given again.
    assert feature_extractors.of_model(tmp_path / "theirs.keras").width == 7


def test_a_network_without_dense_layers_is_pooled_and_knows_no_classes(of):
    look = of(network(conv()))
    seen = look(pictures())
    pooled = of(network(*body()))(pictures())
    assert (look.width, look.classes) == (4, 0)
    assert seen.probabilities is None and pooled.probabilities is None
    np.testing.assert_allclose(seen.features, pooled.features, rtol=1e-5)


def test_dense_layers_before_a_product_of_branches_are_not_the_last(of):
    x = keras.Input((8, 8, 3))
    gate = L.Dense(4, activation="sigmoid")(L.Conv2D(7, 3)(x))
    look = of(keras.Model(x, L.Multiply()([conv()(x), gate])))
    assert (look.width, look.classes) == (4, 0)


def test_dense_layers_over_space_are_given_features_that_are_averaged(of):
    look = of(network(conv(), L.Dense(5), L.GlobalAveragePooling2D()))
    pooled = of(network(*body()))(pictures())
    seen = look(pictures())
    assert look.classes == 5
    np.testing.assert_allclose(seen.features, pooled.features, rtol=1e-5)


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [*body(), L.Dense(1)],
        lambda: [*body(), L.Dense(5, activation="sigmoid")],
        lambda: [conv(), L.Dense(5, activation="softmax")],
    ],
    ids=["one", "sigmoid", "everywhere"],
)
def test_an_answer_that_is_no_choice_of_one_class_is_no_probability(of, layers):
    look = of(network(*layers()))
    assert (look.width, look.classes) == (4, 0)
    assert look(pictures()).probabilities is None


def test_a_model_of_one_channel_is_given_the_mean_of_three(of):
    look = of(network(L.Flatten(), shape=(8, 8, 1)))
    grey = 127.5 * (pictures().mean(-1) + 1)
    wanted = grey.reshape(3, -1)
    np.testing.assert_allclose(look(pictures()).features, wanted, rtol=1e-5)


def test_pictures_are_resized_to_what_the_model_is_built_for(of):
    look = of(network(L.Flatten(), shape=(2, 2, 3)))
    plain = np.zeros((1, 5, 7, 3), np.float32)
    np.testing.assert_allclose(
        look(plain).features, np.full((1, 12), 127.5), rtol=1e-6
    )
    # From 1 × 2 pixels: the outer ones stay, those between are ¼ and ¾.
    look = of(network(L.Flatten(), shape=(1, 4, 3)))
    edge = np.array([-1, 1], np.float32)[None, None, :, None] * np.ones(3)
    seen = look(edge).features[0, ::3]
    np.testing.assert_allclose(seen, [0, 63.75, 191.25, 255], rtol=1e-6)


def test_a_fine_pattern_shrinks_to_its_mean_and_not_to_its_pixels(of):
    look = of(network(L.Flatten(), shape=(4, 4, 3)))
    lines = np.ones((1, 16, 16, 3), np.float32)
    lines[:, :, 1::4] = lines[:, :, 2::4] = -1
    inner = tf.reshape(look(lines).features, [4, 4, 3])[1:3, 1:3]
    np.testing.assert_allclose(inner, np.full((2, 2, 3), 127.5), atol=1)


def test_a_model_of_any_size_is_given_pictures_as_they_are(of):
    look = of(network(*body(), L.Dense(5), shape=(None, None, 3)))
    whole = of(network(*body(), L.Dense(5), shape=(5, 9, 3)))
    some = pictures(height=5, width=9)
    np.testing.assert_allclose(
        look(some).features, whole(some).features, rtol=1e-5
    )
    assert look(pictures(count=2)).features.shape == (2, 4)


def test_a_model_of_whole_numbers_is_given_the_nearest(of):
    look = of(network(L.Rescaling(1.0), L.Flatten(), dtype="uint8"))
    pixels = np.arange(192).reshape(1, 8, 8, 3)
    some = (pixels / 127.5 - 1).astype("float32")
    np.testing.assert_array_equal(look(some).features[0], pixels.ravel())


def test_what_a_network_sees_is_float32_whatever_it_computes_in(of):
    half = [
        conv(dtype="mixed_float16"),
        L.Dense(5, dtype="mixed_float16"),
        L.GlobalAveragePooling2D(dtype="mixed_float16"),
    ]
    seen = of(network(*half))(pictures())
    assert seen.features.dtype == seen.probabilities.dtype == tf.float32
    np.testing.assert_allclose(
        tf.reduce_sum(seen.probabilities, axis=1), np.ones(3), rtol=1e-6
    )


def test_training_only_layers_do_not_change_what_is_seen(of):
    look = of(network(L.Dropout(0.5), L.BatchNormalization(), *body()))
    alone = [look(pictures()[i : i + 1]).features[0] for i in range(3)]
    np.testing.assert_allclose(look(pictures()).features, alone, rtol=1e-4)


def test_a_model_in_an_old_file_is_read_too(of):
    model = network(*body(), L.Dense(5))
    old, new = of(model, "theirs.h5"), of(model)
    np.testing.assert_array_equal(
        old(pictures()).features, new(pictures()).features
    )


def test_a_name_tells_the_file_and_its_weights(of):
    model = network(*body(), L.Dense(5))
    first = of(model).name
    assert first == of(model).name
    assert first.startswith("features of theirs (file theirs.keras, ")
    model.set_weights([w + 1 for w in model.get_weights()])
    assert of(model).name != first


def two(*, inputs=1, outputs=1):
    starts = [keras.Input((8, 8, 3)) for _ in range(inputs)]
    x = L.Add()(starts) if inputs > 1 else starts[0]
    return keras.Model(starts, [conv()(x) for _ in range(outputs)])


@pytest.mark.parametrize(
    ("model", "received"),
    [
        (two(inputs=2), r"inputs=\[\(None, 8, 8, 3\), \(None, 8, 8, 3\)\]"),
        (two(outputs=2), r"outputs=\[\(None, 6, 6, 4\), \(None, 6, 6, 4\)\]"),
        (network(L.Dense(5), shape=(4,)), r"inputs=\[\(None, 4\)\]"),
        (network(*body(), shape=(8, 8, 2)), r"\(None, 8, 8, 2\)"),
        (network(*body(), shape=(3, 8, 8)), r"\(None, 3, 8, 8\)"),
    ],
)
def test_a_model_of_something_else_is_refused(of, model, received):
    with pytest.raises(errors.SettingsError, match=received) as refusal:
        of(model)
    assert "one input, [batch, height, width, 1 or 3]" in str(refusal.value)


def test_a_file_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(errors.DataError, match="no model file"):
        feature_extractors.of_model(tmp_path / "none.keras")


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, 8, 8, 1), np.float32),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((2, 8, 8, 3), np.uint8),
    ],
)
def test_what_are_no_pictures_is_refused(of, wrong):
    look = of(network(*body()))
    with pytest.raises(ValueError, match=r"Received: (float32|uint8), shape"):
        look(wrong)


@pytest.fixture
def tiny(monkeypatch):
    """A function: seed → a tiny network in the place of InceptionV3."""

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
    look = feature_extractors.inception(path)
    seen = look(pictures())
    # Pictures as they are: Keras's InceptionV3 takes [−1, 1].
    np.testing.assert_allclose(seen.probabilities, model(pictures()), rtol=1e-5)
    assert seen.features.shape == (3, 4)
    assert look.name.startswith(f"InceptionV3 pool (weights {name}, ")


def test_keras_gives_inception_pictures_of_our_range():
    pixels = np.arange(256, dtype=np.float32).reshape(1, 16, 16, 1)
    ours = pixels / 127.5 - 1
    theirs = keras.applications.inception_v3.preprocess_input(pixels.copy())
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_inception_is_given_2048_pooled_features_and_1000_classes():
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
def test_inception_refuses_files_missing_damaged_or_of_another(
    tiny, tmp_path, name
):
    path = tmp_path / name
    with pytest.raises(errors.DataError, match="There is no .* file"):
        feature_extractors.inception(path)
    path.write_bytes(b"no weights")
    with pytest.raises(errors.DataError, match="damaged|not a whole"):
        feature_extractors.inception(path)
    other = network(L.Flatten(), L.Dense(5))
    (other.save_weights if "weights" in name else other.save)(path)
    with pytest.raises(errors.DataError, match="another shape|no InceptionV3"):
        feature_extractors.inception(path)


def test_a_failed_download_is_told_in_a_sentence(tiny):
    with pytest.raises(errors.DataError, match="fetched.*no route to host"):
        feature_extractors.inception(download=True)


def test_a_file_of_weights_is_preferred_to_a_download(tiny, tmp_path):
    tiny().save_weights(tmp_path / "a.weights.h5")
    look = feature_extractors.inception(
        tmp_path / "a.weights.h5", download=True
    )
    assert look.classes == 5
